"""Differentiable augmentation: each transformation against plain numpy, and in a step."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tests.training import small
from training.core.trainer import Trainer
from training.data.augmentation import DRAWS_PER_IMAGE, Augmentation, augment
from training.data.sampler import random_generator

ALL = Augmentation(brightness=0.25, saturation=0.5, contrast=0.25, translation=0.125, cutout=0.5)


def images(count: int = 6, size: int = 16) -> torch.Tensor:
    pixels = torch.from_numpy(small.pictures(count, size=size)).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def draws(count: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, DRAWS_PER_IMAGE))


def test_colour_equals_the_formulae() -> None:
    policy = Augmentation(brightness=0.3, saturation=0.6, contrast=0.2)
    given, chance = images().double().numpy(), draws()
    for picture, found, random_numbers in zip(
        given, augment(images(), policy, chance, 1.0).numpy(), chance, strict=True
    ):
        brightness, saturation, contrast = random_numbers[:3] * 2 - 1
        wanted = picture + 0.3 * brightness
        grey = wanted.mean(0)
        wanted = grey + (wanted - grey) * (1 + 0.6 * saturation)
        wanted = wanted.mean() + (wanted - wanted.mean()) * (1 + 0.2 * contrast)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_brightness_is_relative_to_the_pixel_range() -> None:
    policy = Augmentation(brightness=0.5)
    wide, narrow = (augment(images(), policy, draws(), half) - images() for half in (1.0, 0.5))
    torch.testing.assert_close(wide, narrow * 2, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [16, 28, 64])
def test_translation_moves_by_whole_pixels_and_fills_with_zeros(size: int) -> None:
    chance, limit = draws(200), round(size / 8)
    given = images(200, size).numpy()
    found = augment(images(200, size), Augmentation(translation=0.125), chance, 1.0).numpy()
    padded = np.pad(given, ((0, 0), (0, 0), (limit, limit), (limit, limit)))
    shifts = np.floor(chance[:, 3:5].astype(np.float32) * (2 * limit + 1)).astype(int)
    for picture, moved, (x, y) in zip(padded, found, shifts, strict=True):
        np.testing.assert_array_equal(moved, picture[:, y : y + size, x : x + size])
    assert set(shifts.ravel()) == set(range(2 * limit + 1))


@pytest.mark.parametrize(("size", "side"), [(16, 8), (28, 14), (64, 32)])
def test_cutout_is_one_square_of_zeros(size: int, side: int) -> None:
    ones = torch.ones(300, 3, size, size)
    found = augment(ones, Augmentation(cutout=0.5), draws(300), 1.0).numpy()
    assert set(np.unique(found)) == {0.0, 1.0}
    for picture in found:
        (rows, columns) = np.nonzero(picture[0] == 0)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        assert height <= side
        assert width <= side
    whole = (found[:, 0] == 0).sum((1, 2)) == side * side
    assert 0 < whole.mean() < 1  # some cross the border


def test_the_gradient_is_that_of_the_transformation() -> None:
    given = images(2, 8).double().requires_grad_()
    translated = Augmentation(translation=0.25, cutout=0.5)
    for policy in (Augmentation(brightness=0.2, saturation=0.5, contrast=0.3), translated):
        # affine_grid needs one dtype: the grid is float32, so is a translated image
        given = given.detach().to(torch.float64 if policy.brightness else torch.float32)
        given.requires_grad_()
        weights = torch.randn(given.shape, generator=torch.Generator().manual_seed(0))
        total = (augment(given, policy, draws(2), 1.0) * weights).sum()
        (gradient,) = torch.autograd.grad(total, given)
        step = torch.randn(given.shape, generator=torch.Generator().manual_seed(1)) * 0.01
        moved = (augment(given + step, policy, draws(2), 1.0) * weights).sum()
        torch.testing.assert_close(
            (gradient * step).sum().float(), (moved - total).float(), atol=1e-4, rtol=1e-3
        )


def test_nothing_is_done_by_default() -> None:
    assert not Augmentation()
    assert torch.equal(augment(images(), Augmentation(), draws(), 1.0), images())


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"augmentation\.cutout must lie in \[0, 1\]"):
        Augmentation(cutout=value)


@pytest.mark.parametrize("updates", ["both", "alternating"])
def test_a_step_is_a_function_of_seed_and_step(updates: str) -> None:
    recipe = dataclasses.replace(small.RECIPE, augmentation=ALL, updates=updates)

    def losses(start: int) -> list[dict[str, torch.Tensor]]:
        game = Trainer(recipe, small.images(), Accelerator(mixed_precision="no"))
        game.step = start
        return [game.train_step() for _ in range(4)]

    assert losses(4) == losses(4)
    assert losses(4) != losses(8)


def test_both_of_d_s_batches_and_g_s_are_augmented() -> None:
    """The losses of a step with all transformations, written out."""
    recipe = dataclasses.replace(small.RECIPE, augmentation=ALL, mirror=False)
    game = Trainer(recipe, small.images(), Accelerator(mixed_precision="no"))
    g, d = copy.deepcopy(game.generator), copy.deepcopy(game.discriminator)
    real = torch.from_numpy(game.batches.at(0)[0] / np.float32(127.5) - 1)
    z = random_generator(recipe.seed, "z", 0).uniform(-1, 1, (8, 8)).astype(np.float32)
    seen = {
        purpose: random_generator(recipe.seed, f"augmentation of {purpose}", 0).random(
            (8, DRAWS_PER_IMAGE)
        )
        for purpose in ("real", "fake", "fake for G")
    }
    losses = game.train_step()

    fake = g(torch.from_numpy(z))
    on_real = d(augment(real, ALL, seen["real"], 1.0)).sigmoid()
    on_fake = d(augment(fake.detach(), ALL, seen["fake"], 1.0)).sigmoid()
    loss = -torch.log(on_real).mean() - torch.log(1 - on_fake).mean()
    torch.testing.assert_close(losses["loss_d"], loss.detach())
    # D as the step has updated it; its batch statistics are those of this batch
    on_fake = game.discriminator(augment(fake, ALL, seen["fake for G"], 1.0)).sigmoid()
    torch.testing.assert_close(losses["loss_g"], -torch.log(on_fake).mean().detach())
