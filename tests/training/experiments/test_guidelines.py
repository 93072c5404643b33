"""The nets that break a guideline: each differs from the full net in that, and in nothing else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F
from typer.testing import CliRunner

from dcgan.models.networks import Discriminator, Generator
from tests.training import small
from training.cli.app import app
from training.core.trainer import Trainer
from training.experiments import ablation, guidelines
from training.experiments.guidelines import HIDDEN, ROWS
from training.metrics import evaluation

MODEL = dataclasses.replace(
    guidelines.RECIPE.model,
    z_size=8,
    generator_widths=(12, 10, 8, 6),
    discriminator_widths=(4, 6, 8, 10),
)
RECIPE = dataclasses.replace(guidelines.RECIPE, model=MODEL, batch_size=8)

EXTRA = {  # parameters of G and of D that the full net lacks
    "batch norm everywhere": (2 * 3, 2 * 4),
    "hidden dense layers": (
        HIDDEN * (8 + 2 + 12 * 2 * 2) - 8 * 12 * 2 * 2,
        HIDDEN * (10 * 2 * 2 + 2 + 1) - 10 * 2 * 2,
    ),
}


def players(row: str) -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    return ROWS[row](MODEL)


def pictures(count: int = 8) -> Tensor:
    return torch.rand(count, 3, 32, 32) * 2 - 1


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_recipe_is_that_of_faces_at_half_the_side() -> None:
    assert guidelines.RECIPE.model.base_size == 2
    assert guidelines.RECIPE.average == 0


@pytest.mark.parametrize("row", ROWS)
def test_sizes_and_first_weights_are_the_full_net_s(row: str) -> None:
    for network, full, extra in zip(
        players(row), players("the full net"), EXTRA.get(row, (0, 0)), strict=True
    ):
        assert size(network) == size(full) + extra
        if row not in EXTRA:
            assert all(map(torch.equal, network.parameters(), full.parameters()))


@pytest.mark.parametrize("row", ROWS)
def test_gradients_reach_every_parameter(row: str) -> None:
    generator, discriminator = players(row)
    drawn = generator(torch.rand(8, 8) * 2 - 1)
    assert drawn.shape == (8, 3, 32, 32)
    F.softplus(-discriminator(drawn)).sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("row", ROWS)
def test_they_are_trained_in_bfloat16_and_exported(row: str) -> None:
    accelerator = Accelerator(mixed_precision="bf16", cpu=True)
    data = small.Images(small.pictures(16, size=32), small.pictures(0, size=32))
    game = Trainer(RECIPE, data, accelerator, ROWS[row])
    before = [parameter.detach().clone() for parameter in game.generator.parameters()]
    losses = game.train_step()
    assert all(torch.isfinite(value) for value in losses.values())
    assert not any(map(torch.equal, before, game.generator.parameters()))
    exported = game.export_generator()
    z = torch.rand(4, 8) * 2 - 1
    torch.testing.assert_close(exported(z)[:1], exported(z[:1]))  # fixed statistics
    assert type(exported) is type(game.generator)


def test_pooling_keeps_the_largest_of_four_and_repeats_the_nearest() -> None:
    generator, discriminator = players("pooling, no strides")
    full_generator, full_discriminator = players("the full net")
    maps = pictures()
    kernel = full_discriminator.convolutions[0].get_parameter("weight")
    every = F.conv2d(F.pad(maps, (1, 2, 1, 2)), kernel)[:, :, :32, :32]
    every[:, :, 31] = every[:, :, :, 31] = -torch.inf  # where the kernel would hang over the edge
    pooled = every.unflatten(3, (16, 2)).unflatten(2, (16, 2)).amax((3, 5))
    torch.testing.assert_close(discriminator.convolutions[0](maps), pooled)

    maps = torch.randn(2, 12, 2, 2)
    kernel = full_generator.convolutions[0].get_parameter("weight")
    large = maps.repeat_interleave(2, 2).repeat_interleave(2, 3)
    drawn = F.conv2d(F.pad(large, (2, 1, 2, 1)), kernel.transpose(0, 1).flip(2, 3))
    torch.testing.assert_close(generator.convolutions[0](maps), drawn)
    modules = [*generator.modules(), *discriminator.modules()]
    assert {m.stride for m in modules if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)} == {(1, 1)}


def normalises(network: nn.Module, *inputs: Tensor) -> bool:
    """Whether the first of a batch comes out otherwise when the others change."""
    with torch.no_grad():
        return not torch.allclose(network(inputs[0])[0], network(inputs[1])[0], atol=1e-6)


@pytest.mark.parametrize(
    ("row", "normalised"),
    [
        ("the full net", (True, True)),
        ("no batch norm", (False, False)),
        ("no batch norm in G", (False, True)),
        ("no batch norm in D", (True, False)),
    ],
)
def test_without_batch_norm_a_picture_is_alone(row: str, normalised: tuple[bool, bool]) -> None:
    inputs = (torch.rand(8, 8), pictures())
    for network, batch, found in zip(players(row), inputs, normalised, strict=True):
        assert normalises(network, batch, torch.cat([batch[:1], 1 - batch[1:]])) == found
        assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == found


def test_batch_norm_everywhere_is_also_at_the_two_ends() -> None:
    generator, discriminator = players("batch norm everywhere")
    before = torch.atanh(generator(torch.rand(64, 8)).double())
    gains = generator.norms[-1].get_parameter("weight")
    torch.testing.assert_close(
        before.std((0, 2, 3)).float(), gains.detach().abs(), rtol=0.02, atol=0
    )
    maps = discriminator.norms[0](discriminator.convolutions[0](pictures()))
    gains = discriminator.norms[0].get_parameter("weight")
    torch.testing.assert_close(maps.std((0, 2, 3)), gains.abs(), rtol=0.02, atol=0)


def test_relu_in_d_equals_the_formula() -> None:
    _, discriminator = players("ReLU in D")
    _, full = players("the full net")
    batch = pictures()
    h = batch
    for convolution, norm in zip(full.convolutions, full.norms, strict=True):
        h = F.relu(norm(convolution(h)))
    torch.testing.assert_close(discriminator(batch), full.score(h.flatten(1)).squeeze(1))


@pytest.mark.parametrize(("row", "low", "high"), [("tanh in G", -1, 1), ("sigmoid in G", 0, 1)])
def test_activations_in_g_are_bounded(row: str, low: float, high: float) -> None:
    generator, _ = players(row)
    seen: list[Tensor] = []
    for layer in generator.convolutions:
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    generator(torch.rand(8, 8))
    assert len(seen) == 4
    for maps in seen:
        assert low < maps.min() < low + 0.2
        assert high - 0.2 < maps.max() < high


def test_with_relu_it_would_be_the_full_net() -> None:
    torch.manual_seed(0)
    generator, _ = guidelines.bounded(MODEL, F.relu)
    full, _ = players("the full net")
    z = torch.rand(8, 8)
    assert torch.equal(generator(z), full(z))


def test_pictures_are_halved_by_means() -> None:
    large = small.pictures(3, size=8)
    halved = guidelines._halved(large)
    assert halved.dtype == np.uint8
    exact = large.reshape(3, 3, 4, 2, 4, 2).mean((3, 5))
    assert np.abs(halved - exact).max() <= 0.5


def test_the_command_trains_what_its_file_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guidelines, "RECIPE", RECIPE)
    monkeypatch.setattr(evaluation, "MIN_HELD_OUT", 8)
    monkeypatch.setattr(guidelines, "COMPARED", 8)
    monkeypatch.setattr(guidelines, "POINTS", 2)
    for number, picture in enumerate(small.pictures(200, size=64)):
        (tmp_path / f"{number:03d}.png").write_bytes(small.png(picture))
    out = tmp_path / "guidelines.json"
    command = ["run", "guidelines", "--data", str(tmp_path), "--json", str(out), "--seeds", "1"]
    command += ["--processes", "1"]  # others would not know of what is changed here

    def done(images: int, *rows: str) -> str:
        monkeypatch.setattr(guidelines, "ROWS", {row: ROWS[row] for row in rows})
        return CliRunner().invoke(app, [*command, "--images", str(images)]).output

    assert done(128, "no batch norm").startswith("no batch norm, seed 0: ")
    again = done(128, "no batch norm", "ReLU in D")
    assert again.startswith("ReLU in D, seed 0: ")
    assert again.count("seed 0: ") == 1
    facts = json.loads(out.read_text())
    assert list(facts["trained"]) == ["no batch norm", "ReLU in D"]
    for runs in facts["trained"].values():
        assert [entry["images"] for entry in runs["0"]["curve"]] == [64, 128]
    assert facts["kid_n"] == 8
    assert guidelines.report(facts) in again
    assert facts["run"]["data"] == {"training": facts["pictures"], "held-out": 8}
    assert "another images: give a new file" in done(256, "no batch norm")


def test_what_diverged_at_once_is_in_the_table() -> None:
    runs = {"0": {"curve": [], "diverged": ablation.CHECKED}}
    facts = {"kid_n": 8, "images": 128, "pictures": 99, "precision": "no", "trained": {"x": runs}}
    assert small.cells(guidelines.report(facts)) == [
        ["KID after images", "seed 0"],
        ["x", f"diverged at {ablation.CHECKED}"],
    ]


def test_a_report_says_that_seeds_are_missing() -> None:
    runs = {"0": {"curve": [], "diverged": 25}}
    facts = {"kid_n": 8, "images": 128, "pictures": 99, "precision": "no", "trained": {"x": runs}}
    assert "seeds yet" not in guidelines.report(facts)
    facts["trained"] = {"x": runs, "y": {**runs, "1": runs["0"]}}
    assert "Not every row has all of its seeds yet." in guidelines.report(facts)
