"""A step: who learns from what, and how fast."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from dcgan.config import ModelConfig
from dcgan.models import checkpoint
from dcgan.models.checkpoint import CheckpointError
from dcgan.models.networks import Discriminator, Generator
from tests.training import small
from training.core.trainer import (
    WARM_UP_STEPS,
    NetworkFactory,
    Trainer,
    best_precision,
    make_networks,
)
from training.data.datasets import Images
from training.data.readers import DataError
from training.data.sampler import random_generator
from training.recipes import Recipe


def make(
    recipe: Recipe = small.RECIPE,
    pictures: Images | None = None,
    networks: NetworkFactory = make_networks,
) -> Trainer:
    accelerator = Accelerator(mixed_precision="no")
    return Trainer(recipe, pictures or small.images(), accelerator, networks)


def changed(step: Callable[[], object], network: torch.nn.Module) -> bool:
    before = [parameter.detach().clone() for parameter in network.parameters()]
    step()
    pairs = zip(before, network.parameters(), strict=True)
    return any(not torch.equal(old, new) for old, new in pairs)


def test_both_networks_learn_in_every_step() -> None:
    game = make()
    losses = game.train_step()
    assert losses.keys() == {"loss_d", "d_real", "d_fake", "loss_g"}
    assert changed(game.train_step, game.generator)
    assert changed(game.train_step, game.discriminator)
    assert game.step == 3
    assert game.images_seen == 24


def test_alternating_is_d_then_g_on_the_same_pictures() -> None:
    game = make(dataclasses.replace(small.RECIPE, updates="alternating"))
    seen = []
    at = game.batches.at
    game.batches.at = lambda step: (seen.append(step), at(step))[1]  # watches, and passes on
    for turn in range(4):
        learner, other = game.discriminator, game.generator
        if turn % 2:
            learner, other = other, learner
        before = [parameter.detach().clone() for parameter in other.parameters()]
        assert changed(game.train_step, learner)
        assert all(map(torch.equal, before, other.parameters()))
    assert seen == [0, 0, 1, 1]
    assert game.images_seen == 16


def test_a_step_equals_the_formulae() -> None:
    """The losses of the game written out, with torch's own optimiser."""
    game = make(dataclasses.replace(small.RECIPE, mirror=False))
    g, d = copy.deepcopy(game.generator), copy.deepcopy(game.discriminator)
    adam_g, adam_d = (
        torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999), weight_decay=1e-5)
        for network in (g, d)
    )
    real = torch.from_numpy(game.batches.at(0)[0] / np.float32(127.5) - 1)
    z = random_generator(small.RECIPE.seed, "z", 0).uniform(-1, 1, (8, 8)).astype(np.float32)
    losses = game.train_step()

    fake = g(torch.from_numpy(z))
    loss = -torch.log(d(real).sigmoid()).mean() - torch.log(1 - d(fake.detach()).sigmoid()).mean()
    loss.backward()
    adam_d.step()
    loss_g = -torch.log(d(fake).sigmoid()).mean()
    g.zero_grad()
    loss_g.backward()
    adam_g.step()
    torch.testing.assert_close(losses["loss_d"], loss.detach())
    torch.testing.assert_close(losses["loss_g"], loss_g.detach())
    for ours, theirs in ((game.generator, g), (game.discriminator, d)):
        for name, parameter in ours.named_parameters():
            torch.testing.assert_close(parameter, theirs.get_parameter(name), rtol=0, atol=2e-6)


def test_the_average_follows_ever_more_slowly() -> None:
    game = make()
    copies = []
    for _ in range(4):
        game.train_step()
        copies.append(game.generator.project.weight.detach().clone())
    expected = copies[0]
    for count, weight in enumerate(copies[1:], start=1):
        decay = min(0.9, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * weight
    averaged = game.average.get_parameter("module.project.weight")
    torch.testing.assert_close(averaged, expected)
    torch.testing.assert_close(game.export_generator().project.weight, averaged)
    plain = make(dataclasses.replace(small.RECIPE, average=0.0))
    plain.train_step()
    torch.testing.assert_close(
        plain.export_generator().project.weight, plain.generator.project.weight
    )


def test_exported_is_a_copy_with_fixed_statistics() -> None:
    game = make()
    game.train_step()
    exported = game.export_generator()
    assert not exported.training
    before = {name: value.clone() for name, value in exported.state_dict().items()}
    game.train_step()
    assert all(torch.equal(before[name], value) for name, value in exported.state_dict().items())
    z = torch.randn(4, 8)
    torch.testing.assert_close(exported(z)[:1], exported(z[:1]))


def test_other_networks_are_trained_averaged_and_exported() -> None:
    def with_output_norm(config: ModelConfig) -> tuple[Generator, Discriminator]:
        generator, discriminator = make_networks(config)
        generator.norms.append(torch.nn.BatchNorm2d(config.channels))
        return generator, discriminator

    game = make(networks=with_output_norm)
    game.train_step()
    for averaged, source in ((True, game.average.module), (False, game.generator)):
        trained = source.get_parameter("norms.2.weight")
        assert not torch.equal(trained, torch.ones(3))
        exported = game.export_generator(averaged)
        assert torch.equal(exported.get_parameter("norms.2.weight"), trained)
        pictures = torch.atanh(exported(torch.rand(64, 8) * 2 - 1).double())
        assert pictures.std((0, 2, 3)).sub(1).abs().max() < 0.2  # normalised, not as small as ever


def test_init_takes_the_weights_and_warms_up(tmp_path: Path) -> None:
    first = make()
    for _ in range(5):
        first.train_step()
    card = "---\nimages_seen: 1234\n---\n"
    weights = checkpoint.save(tmp_path, first.export_generator(), first.discriminator, card)

    game = make(dataclasses.replace(small.RECIPE, seed=7))
    assert game.images_seen == 0
    game.start_from(weights)
    assert game.images_seen == 1234
    name = "project.weight"
    half = first.average.get_parameter(f"module.{name}").half().float()
    assert torch.equal(game.generator.get_parameter(name), half)
    assert torch.equal(game.average.get_parameter(f"module.{name}"), half)

    def rate() -> float:
        return game.optimisers["adam_g"].param_groups[0]["lr"]

    rates = []
    for step in (
        0,
        1,
        WARM_UP_STEPS // 2 - 1,
        WARM_UP_STEPS - 1,
        WARM_UP_STEPS,
        WARM_UP_STEPS + 50,
    ):
        game.step = step
        game.train_step()
        rates.append(rate() / small.RECIPE.learning_rate)
    assert rates == pytest.approx([1 / WARM_UP_STEPS, 2 / WARM_UP_STEPS, 0.5, 1, 1, 1])

    fresh = make()
    fresh.train_step()
    assert fresh.optimisers["adam_d"].param_groups[0]["lr"] == small.RECIPE.learning_rate


def test_init_warms_up_from_a_card_without_a_count(tmp_path: Path) -> None:
    first = make()
    game = make()
    game.start_from(checkpoint.save(tmp_path, first.export_generator(), first.discriminator, ""))
    game.train_step()
    assert game.images_seen == 8
    assert game.optimisers["adam_d"].param_groups[0]["lr"] < small.RECIPE.learning_rate


def test_init_wants_the_recipe_s_network(tmp_path: Path) -> None:
    game = make()
    weights = checkpoint.save(tmp_path, game.export_generator(), game.discriminator, "")
    other = dataclasses.replace(small.RECIPE.model, norm_eps=1e-8)
    with pytest.raises(CheckpointError, match="another network than the recipe's; compare"):
        make(dataclasses.replace(small.RECIPE, model=other)).start_from(weights)


def test_class_conditional_networks_get_their_labels() -> None:
    config = ModelConfig(
        image_size=8,
        channels=1,
        z_size=4,
        prior="normal",
        generator_widths=(6,),
        generator_kernels=(5,),
        generator_strides=(2,),
        discriminator_widths=(4,),
        discriminator_kernels=(5,),
        discriminator_strides=(2,),
        first_layer="dense",
        hidden_dense=8,
        classes=3,
        output="sigmoid",
    )
    found = Images(small.pictures(16, 1, 8), small.pictures(0, 1, 8), labels=np.arange(16) % 3)
    game = make(dataclasses.replace(small.RECIPE, model=config), found)
    game.train_step()
    losses = game.train_step()
    assert all(torch.isfinite(value) for value in losses.values())
    drawn = game.export_generator()(torch.zeros(3, 4), torch.arange(3))
    assert (drawn[0] != drawn[1]).any()
    assert drawn.min() >= 0


def test_too_few_pictures_are_a_sentence() -> None:
    with pytest.raises(DataError, match="a batch has 8 pictures, but there are only 5"):
        make(pictures=small.images(5))


def test_float32_where_the_processor_has_no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("about CPUs")
    abilities = torch.cpu.get_capabilities()
    without = {name: has and "bf16" not in name for name, has in abilities.items()}
    for found, precision in ((without, "no"), ({**without, "avx512_bf16": True}, "bf16")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found)
        assert best_precision() == precision
