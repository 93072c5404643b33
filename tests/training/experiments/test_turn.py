"""`run turn`: correlations worked out by hand, the control's length, the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dcgan.latents.spec import Draw
from dcgan.models import checkpoint
from dcgan.rendering.engine import Model
from tests.training import small
from training.attributes import exemplars
from training.cli.app import app
from training.data.readers import DataError
from training.experiments import turn
from training.experiments.turn import POSITIONS, correlations, measure, mirrored, summary

WEIGHTS = Path(__file__).parents[3] / "weights" / "faces"
UP = [1.0, 2, 3, 4, 5, 6, 7, 8, 9]
SWAPPED = [2.0, 1, 3, 4, 5, 6, 7, 9, 8]  # 1 - 6 * 4 / (9 * 80)
GONE = [np.nan] * 3


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("faces", checkpoint.load(WEIGHTS))


@pytest.mark.parametrize(
    ("yaws", "expected"),
    [
        (UP, 1),
        (UP[::-1], -1),
        (SWAPPED, 1 - 24 / 720),
        ([np.nan, *UP[1:8], np.nan], 1),
        ([*GONE, *UP[3:]], 0),  # found too seldom
        ([5.0] * 9, 0),  # does not move
    ],
)
def test_correlations_are_spearmans_where_faces_are_found(
    yaws: list[float], expected: float
) -> None:
    assert correlations(np.array([yaws])) == pytest.approx([expected])


def test_a_summary_counts_heads_that_turn() -> None:
    found = summary(np.array([UP, SWAPPED, UP[::-1], [5.0] * 9]))
    assert (found["turned"]["count"], found["turned"]["of"]) == (2, 4)
    assert found["either_way"]["count"] == 3
    assert found["faces_found"]["count"] == 36
    assert found["mean_yaw"][4] == 5


def test_the_control_is_as_long_as_the_turn_and_moves_by_it(model: Model) -> None:
    amount, start, end = turn._random_turn(model, 3, 2.5)
    z = {name: model.z(model.spec(x)) for name, x in (("start", start), ("end", end))}
    step = amount * (z["end"] - z["start"])
    assert np.linalg.norm(step) == pytest.approx(2.5)

    def yaw(pictures: np.ndarray) -> np.ndarray:
        return pictures.mean(axis=(1, 2, 3))

    (measured,) = measure(model, yaw, [Draw(0, 0)], [(amount, start, end)])
    head = model.z(model.spec(Draw(0, 0)))
    import torch

    with torch.inference_mode():
        latents = np.stack([head + place * step for place in POSITIONS]).astype(np.float32)
        drawn = model.checkpoint.generator()(torch.from_numpy(latents)).numpy()
    assert measured == pytest.approx((drawn.mean(axis=(1, 2, 3)) + 1) * 127.5, abs=0.1)


def test_mirrored_pictures_are_told_apart_from_the_same() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)

    def lopsided(pictures: np.ndarray) -> np.ndarray:
        half = pictures.astype(float)
        return half[:, :, 4:].mean(axis=(1, 2, 3)) - half[:, :, :4].mean(axis=(1, 2, 3))

    found = mirrored(lopsided, pictures)
    assert found["mirror_correlation"] == pytest.approx(1)
    assert found["sign_flips"]["rate"] == 1
    found = mirrored(lambda x: abs(lopsided(x)) + 1, pictures)
    assert found["mirror_correlation"] == pytest.approx(-1)
    assert found["sign_flips"]["rate"] == 0


def test_the_command_measures_prints_and_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "MIN_YAW", 0.15)  # there are few samples to pick from
    out = tmp_path / "turn.json"
    arguments = ["run", "turn", "--weights", str(WEIGHTS), "--heads", "3", "--pool", "60"]
    ran = CliRunner().invoke(app, [*arguments, "--json", str(out)])
    assert (ran.exit_code, ran.stderr) == (0, "")
    facts = json.loads(out.read_text())
    rows = {row[0]: row[1:] for row in small.cells(ran.stdout)[:4]}
    assert rows["along"] == ["heads turned", "either way"]
    for name, label in turn.VECTORS.items():
        found = facts["turns"][name]["turned"]
        assert rows[label][0] == f"{found['rate']:.1%} ({found['count']} of 3)"
    assert facts["weights"] == checkpoint.load(WEIGHTS).hash
    assert facts["turns"].keys() == {"control", "picked", "shipped"}
    for found in facts["turns"].values():
        assert found["turned"]["of"] == 3
        assert found["faces_found"]["of"] == 27
    yaws = facts["turns"]["picked"]["mean_yaw"]
    assert yaws[0] < yaws[4] < yaws[8]
    monkeypatch.setattr(turn, "MIN_YAW", exemplars.MIN_YAW)
    few = CliRunner().invoke(app, [*arguments[:-1], "8"])
    assert (few.exit_code, "give a larger --pool" in few.stderr) == (1, True)


def test_faces_sorted_by_hand_are_two_hundred_and_no_others_will_do(tmp_path: Path) -> None:
    sides = json.loads(turn.BY_HAND.read_text())
    assert list(sides) == ["left", "ahead", "right"]
    names = [name for group in sides.values() for name in group]
    assert len(names) == len(set(names)) == 200
    data = tmp_path / "data"
    data.mkdir()
    (data / "0.png").write_bytes(small.png(small.pictures(1, size=64)[0]))
    with pytest.raises(DataError, match="lacks 200 of the pictures sorted by hand"):
        turn.by_hand(lambda pictures: pictures.mean(axis=(1, 2, 3)), str(data))


@pytest.mark.long
def test_the_detector_agrees_with_the_hand(shared: Path) -> None:
    from training.attributes.landmarks import Landmarks

    found = turn.by_hand(Landmarks().yaw, str(shared / "data" / "faces"))
    assert found["by_hand"]["left_before_right"] > 0.9
    assert found["by_hand"]["right_side"]["rate"] > 0.85
    assert found["real"]["mirror_correlation"] > 0.95
