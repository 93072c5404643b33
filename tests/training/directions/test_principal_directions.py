"""Principal directions in closed form, against a sample's covariance."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from dcgan.config import ModelConfig
from dcgan.latents import operations
from dcgan.models.networks import Generator
from tests.training import small
from training.core.batch_norm import fix_statistics
from training.directions.principal import principal_directions

CONFIGS = {
    "per map": small.RECIPE.model,
    "per unit": dataclasses.replace(small.RECIPE.model, first_layer="dense", prior="normal"),
    "hidden": dataclasses.replace(small.RECIPE.model, hidden_dense=12, classes=3),
}


def make(config: ModelConfig) -> Generator:
    """Statistics and gains are far from 1, so that leaving one out shows."""
    torch.manual_seed(3)
    generator = Generator(config)
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, -2, 2)
    weight = generator.hidden[0].weight if generator.hidden else generator.project.weight
    torch.nn.init.normal_(weight)  # pyright: ignore[reportArgumentType]  (a module list's items)
    return fix_statistics(generator, count=256)


def first_layer(generator: Generator, z: np.ndarray) -> np.ndarray:
    """What goes into the first ReLU, (N, units), as the network itself computes it."""
    norm = generator.hidden[1] if generator.hidden else generator.norms[0]
    seen: list[torch.Tensor] = []
    handle = norm.register_forward_hook(lambda _, __, y: seen.append(y.flatten(1)))
    labels = torch.zeros(len(z), dtype=torch.long) if generator.config.classes else None
    with torch.no_grad():
        generator(torch.from_numpy(z.astype(np.float32)), labels)
    handle.remove()
    return seen[0].double().numpy()


@pytest.mark.parametrize("name", CONFIGS)
def test_they_are_the_principal_components_of_the_first_layer(name: str) -> None:
    config = CONFIGS[name]
    generator = make(config)
    directions = principal_directions(generator)
    assert list(directions) == [f"pc{i}" for i in range(1, 9)]
    steps = np.array(list(directions.values()))
    assert steps.shape == (8, config.z_size)

    y = first_layer(generator, operations.draw_latents(1, 0, 4000, config.z_size, config.prior))
    values, vectors = np.linalg.eigh(np.cov(y.T))
    origin = first_layer(generator, np.zeros((1, config.z_size)))
    moved = first_layer(generator, steps) - origin
    lengths = np.linalg.norm(moved, axis=1)
    assert (np.diff(lengths) < 0).all(), "the strongest first"
    np.testing.assert_allclose(lengths**2, values[::-1][:8], rtol=0.1)
    largest = np.abs(moved[0] @ vectors[:, -1]) / lengths[0]
    assert largest > 0.99


@pytest.mark.parametrize("name", CONFIGS)
def test_an_amount_of_1_is_a_standard_deviation_of_the_prior(name: str) -> None:
    config = CONFIGS[name]
    steps = np.array(list(principal_directions(make(config)).values()))
    z = operations.draw_latents(2, 0, 4000, config.z_size, config.prior)
    lengths = np.linalg.norm(steps, axis=1)
    np.testing.assert_allclose((z @ (steps / lengths[:, None]).T).std(axis=0), lengths, rtol=0.05)
    gram = steps @ steps.T / lengths[0] ** 2
    np.testing.assert_allclose(gram, np.eye(8), atol=1e-6)


def test_the_sign_is_fixed() -> None:
    generator = make(CONFIGS["per map"])
    directions = principal_directions(generator, count=3)
    assert list(directions) == ["pc1", "pc2", "pc3"]
    for step in directions.values():
        assert max(step, key=abs) > 0
    with torch.no_grad():
        generator.project.weight.neg_()
    for name, step in principal_directions(generator, count=3).items():
        np.testing.assert_allclose(step, directions[name], atol=1e-9)
