"""Memorisation, on pictures of which some are copies, and on walks of which some have jumps."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from dcgan.latents.spec import Draw, Slerp
from dcgan.media.images import frame_differences
from dcgan.rendering.engine import Model
from tests import tiny
from tests.training import small
from training.cli.app import app
from training.data.datasets import load_images, to_channels_last
from training.experiments import memorisation
from training.experiments.memorisation import STEPS, copies, distances, jumps, walk
from training.metrics import evaluation
from training.metrics.nearest_neighbours import ImageSet, compare_to_training, find_nearest


def pictures(count: int, seed: int) -> ImageSet:
    """Noise, whose features are its pixels."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
    return ImageSet(pixels, torch.from_numpy(pixels).flatten(1).float())


def measured(samples: ImageSet, space: str) -> dict:
    trained, held_out = pictures(60, 0), pictures(40, 1)
    return distances(
        compare_to_training(samples, held_out, trained), find_nearest(trained, trained), space
    )


@pytest.mark.parametrize("space", ["pixels", "features"])
def test_copies_are_told_from_new_pictures(space: str) -> None:
    new = measured(pictures(40, 2), space)
    assert 0.3 < new["sample_nearer"] < 0.7
    assert new["suspicious"] < 0.2
    copied = measured(pictures(60, 0).first(40), space)
    assert copied["sample_nearer"] == copied["suspicious"] == 1
    assert copied["samples"]["largest"] < copied["held_out"]["least"]
    half = ImageSet(
        np.concatenate([pictures(60, 0).pixels[:20], pictures(20, 2).pixels]),
        torch.cat([pictures(60, 0).features[:20], pictures(20, 2).features]),
    )
    assert 0.5 <= measured(half, space)["suspicious"] < 0.7
    assert new["copies"]["largest"] < 0.01
    assert new["copies_found"] == 1


def test_a_copy_is_moved_and_saved_poorly_but_still_alike() -> None:
    smooth = np.linspace(0, 255, 32)[:, None, None] * np.ones((32, 32, 3))
    original = smooth.astype(np.uint8)[None].transpose(0, 2, 1, 3)
    (copied,) = copies(original)
    assert not np.array_equal(copied, original[0])
    difference = copied[:, 2:-2].astype(float) - original[0, :, 1:-3]
    assert np.abs(difference).mean() < 6


def test_steps_equal_numpy() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)
    expected = [np.sqrt(np.mean((b.astype(float) - a) ** 2)) for a, b in itertools.pairwise(frames)]
    np.testing.assert_allclose(frame_differences(frames), expected, rtol=1e-5)


def test_a_cut_is_told_from_an_even_walk() -> None:
    levels = np.arange(STEPS + 1) * 4
    even = np.broadcast_to(levels[:, None, None, None], (STEPS + 1, 4, 4, 3)).astype(np.uint8)
    cut = np.where(np.arange(STEPS + 1)[:, None, None, None] > 20, 200, even * 0).astype(np.uint8)
    found = jumps(
        np.stack([even, cut]), np.stack([frame_differences(even), frame_differences(cut)])
    )
    assert found["largest_to_mean"]["least"] == pytest.approx(1)
    assert found["largest_to_mean"]["largest"] == pytest.approx(STEPS)
    assert found["largest_to_ends"]["least"] == pytest.approx(1 / STEPS, abs=0.01)
    assert found["largest_to_ends"]["largest"] == pytest.approx(1)
    assert found["largest_change"] == pytest.approx(200)


def test_walks_go_from_z_to_z_on_the_sphere(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    walked = walk(weights, 2)
    assert walked.shape == (2, STEPS + 1, 16, 16, 3)
    model = Model("tiny", weights)
    ends = Draw(memorisation.SEED, 2), Draw(memorisation.SEED, 3)
    expected = model.render([model.spec(z) for z in (ends[0], Slerp(0.25, *ends), ends[1])])
    assert np.array_equal(walked[1, [0, STEPS // 4, STEPS]], expected)


def smooth_pictures(folder: Path, count: int) -> Path:
    """Pictures that a pixel's shift does not change much, unlike noise."""
    folder.mkdir()
    random = np.random.default_rng(5)
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
        coarse.resize((16, 16)).save(folder / f"{number:03d}.png")
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["run", "memorisation", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.long
def test_the_command_prints_keeps_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.save(tmp_path / "weights")
    data = smooth_pictures(tmp_path / "data", 240)
    monkeypatch.setattr(memorisation, "COPIES", 20)
    options = ["--weights", tmp_path / "weights", "--data", data, "--walks", 3, "--samples", 10]
    json_file, figure = tmp_path / "results" / "m.json", tmp_path / "m.png"
    code, printed, complaint = run(*options, "--json", json_file, "--figure", figure)
    assert (code, complaint) == (0, "")
    assert "The paper's authors doubt nearest neighbours" in printed
    facts = json.loads(json_file.read_text())
    assert facts["searched"] > 100
    assert facts["walks"]["walks"] == 3
    assert facts["nearest"]["pixels"]["copies_found"] > 0.9
    rows = {row[0]: row[1:] for row in small.cells(printed)}
    spread = facts["nearest"]["features"]["samples"]
    assert rows["10 samples, in features"] == [f"{value:.2f}" for value in spread.values()]
    found = [f"{facts['nearest'][space]['copies_found']:.1%}" for space in ("features", "pixels")]
    assert rows["a copy finds its original"] == [*found, ""]
    assert facts["run"]["data"]["training"] == facts["searched"]
    assert Image.open(io.BytesIO(figure.read_bytes())).size[0] > 1000
    # a generator that has memorised is caught
    memorised = to_channels_last(load_images(data, 16, 3).train[:10])
    monkeypatch.setattr(evaluation, "sample", lambda *_: memorised)
    code, printed, _ = run(*options, "--json", json_file)
    assert code == 0
    assert json.loads(json_file.read_text())["nearest"]["pixels"]["suspicious"] == 1
    code, _, complaint = run(*options[:-1], 100)
    assert code == 1
    assert "held-out pictures to compare 100 samples with" in complaint
