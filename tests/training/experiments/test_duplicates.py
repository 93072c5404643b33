"""Planted copies: what they are, and what precision and recall say of what is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from tests.training import small
from tests.training.data.test_dedup import scene
from training.cli.app import app
from training.data import semantic_hash
from training.data.prepare.images import read_image
from training.experiments import duplicates
from training.experiments.duplicates import KINDS, Found, Planted


def differences(one: Image.Image, other: Image.Image) -> np.ndarray:
    return np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16))


@pytest.mark.parametrize("kind", KINDS)
def test_copies_resemble_and_differ(kind: str) -> None:
    for seed in range(8):
        picture = scene(seed)
        copy = KINDS[kind](picture, np.random.default_rng(seed))
        assert copy.size == picture.size
        apart = differences(picture, ImageOps.mirror(copy) if kind == "mirrored" else copy)
        if kind == "shifted":
            inner = [np.asarray(copy)[1:-1, 1:-1] == _moved(picture, *by) for by in STEPS]
            assert sum(found.all() for found in inner) == 1
        elif kind == "brightness":
            assert apart.mean() < 0.15 * np.asarray(picture).mean() + 1
        elif kind == "mirrored":
            assert not apart.any()
        else:
            assert 0 < apart.mean() < 5


STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))


def _moved(picture: Image.Image, down: int, right: int) -> np.ndarray:
    return np.roll(np.asarray(picture), (down, right), (0, 1))[1:-1, 1:-1]


def test_half_of_the_pictures_have_one_copy_the_kinds_by_turns() -> None:
    planted = duplicates.planted([scene(seed) for seed in range(20)], 0)
    assert planted.origins.tolist() == [*range(20), *range(10)]
    assert planted.kinds.tolist() == [-1] * 20 + [0, 1, 2, 3, 4] * 2
    mirrored, original = read_image(planted.files[24]), read_image(planted.files[4])
    assert mirrored
    assert original
    assert differences(ImageOps.mirror(mirrored), original).mean() < 3


def test_figures_count_pairs_of_one_origin() -> None:
    """Pictures 0 to 9 with copies 10 to 14, one of each kind."""
    origins, kinds = np.array([*range(10), *range(5)]), np.array([-1] * 10 + [*range(5)])
    planted = Planted([], origins, kinds)
    found = Found(np.array([[0, 10], [1, 11], [5, 6], [3, 13]]), np.array([0.9, 0.8, 0.8, 0.5]))
    assert found.figures(planted, 0.7) == {
        "pairs": 3,
        "precision": 0.6667,
        "recall": dict(zip(KINDS, [1, 1, 0, 0, 0], strict=True)),
    }
    assert found.figures(planted, 0.5)["recall"]["brightness"] == 1
    assert found.figures(planted, 1.0)["pairs"] == 0


def test_a_setting_has_to_be_precise() -> None:
    def figures(precision: float, recall: float) -> dict[str, object]:
        return {"precision": precision, "recall": dict.fromkeys(KINDS, recall)}

    assert duplicates.objective(figures(0.989, 1.0)) == 0
    assert duplicates.objective(figures(0.99, 0.9)) == pytest.approx(2 * 0.99 * 0.9 / 1.89)


def test_the_perceptual_hash_compares_each_with_each_and_with_mirror_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplicates, "QUERY_BATCH", 7)
    planted = duplicates.planted([scene(seed) for seed in range(20)], 0)
    found = duplicates.perceptual(planted)["perceptual"]
    assert (found.pairs[:, 0] < found.pairs[:, 1]).all()
    figures = found.figures(planted, -10)
    assert figures["recall"]["encoded anew"] == figures["recall"]["mirrored"] == 1
    assert figures["precision"] == 1


@pytest.mark.long
def test_the_command_reports_the_half_that_it_did_not_choose_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic_hash, "TRAINING_STEPS", 200)
    monkeypatch.setattr(duplicates, "PICTURES", 600)
    sets = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        for seed in range(320):
            scene(1000 * number + seed).save(folder / f"{seed}.png")
        sets += ["--data", str(folder)]
    out = tmp_path / "duplicates.json"
    done = CliRunner().invoke(app, ["run", "duplicates", *sets, "--json", str(out)])
    assert done.exit_code == 0, done.output
    facts = json.loads(out.read_text())
    assert facts["pictures"] == facts["run"]["data"] == {"real": 600, "copied": 300}
    printed = {row[0]: row[1:] for row in small.cells(done.stdout)}
    for name, _, settings in duplicates.ROWS:
        row = facts["rows"][name]
        assert row["setting"] in list(settings)
        assert printed[name][1] == f"{row['precision']:.1%}"
        assert printed[name][2:] == [f"{row['recall'][kind]:.1%}" for kind in KINDS]
    chosen = facts["rows"]["near codes, confirmed by pixels"]
    assert chosen["precision"] > 0.95
    assert min(chosen["recall"].values()) > 0.8
    assert facts["rows"]["equal codes, as in the paper"]["recall"]["shifted"] < 0.5

    done = CliRunner().invoke(app, ["run", "duplicates", "--data", sets[1]])
    assert done.exit_code == 1
    assert "has 320 pictures of 600 that are wanted" in done.stderr
