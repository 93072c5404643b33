"""`run directions`: what is kept and printed, and that the shipped ones are worth their names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dcgan.models import checkpoint
from dcgan.rendering.engine import Model
from tests import tiny
from tests.training import small
from training.cli.app import app
from training.experiments import directions

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "results" / "directions.json"
FACES = ("smile", "glasses", "male", "blond", "bangs", "age", "yaw")


def test_random_ones_are_as_long_as_a_step(tmp_path: Path) -> None:
    steps = np.array(directions._random(Model("tiny", tiny.save(tmp_path))))
    assert steps.shape == (directions.RANDOM, tiny.CONFIG.z_size)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), 3**-0.5)
    assert np.linalg.matrix_rank(steps) > 1


def test_a_shipped_direction_is_known_by_its_way() -> None:
    ways = {
        "alone": {"smile": np.array([0.0, 1.0])},
        "regression": {"smile": np.array([0.6, 0.8]), "age": np.array([1.0, 0.0])},
    }
    assert directions._way(ways, "smile", np.array([0.6, 0.8])) == "regression"
    assert directions._way(ways, "smile", np.array([0.00001, 1.0])) == "alone"
    assert directions._way(ways, "smile", np.array([-0.6, 0.8])) is None
    assert directions._way(ways, "yaw", np.array([0.0, 1.0])) is None


def test_what_was_measured_is_of_the_shipped_weights_and_printed_as_kept() -> None:
    facts = json.loads(KEPT.read_text())
    text = directions.report(facts)
    cells = small.cells(text)
    for name, found in facts["models"].items():
        weights = checkpoint.load(ROOT / "weights" / name)
        assert found["weights"] == weights.hash
        assert list(found["directions"]) == list(weights.directions)
        moves = found["directions"][found["named"][0]]["moves"]
        row = next(
            row for row in cells if row[0] == found["named"][0] and len(row) == len(moves) + 2
        )
        assert row[1:-1] == [f"{moves[other]:+.2f}" for other in found["named"]]
    assert facts["models"]["faces"]["named"] == list(FACES)
    assert facts["models"]["rooms"]["named"] == ["windows"]


@pytest.mark.parametrize("name", [*FACES, "windows"])
def test_a_named_direction_moves_what_it_is_named_for_and_more_than_any_other(name: str) -> None:
    models = json.loads(KEPT.read_text())["models"]
    found = models["rooms" if name == "windows" else "faces"]
    moves, told = (found["directions"][name][key] for key in ("moves", "stated"))
    assert moves[name] > 0.2
    assert moves[name] > 2 * max((abs(by) for n, by in moves.items() if n != name), default=0)
    assert moves[name] > 2 * found["random"]["moves"][name]
    assert told == sorted(told)


@pytest.mark.long
def test_the_command_measures_prints_and_keeps(tmp_path: Path) -> None:
    out = tmp_path / "directions.json"
    ran = CliRunner().invoke(
        app,
        [
            *("run", "directions", "--weights", str(ROOT / "weights" / "faces")),
            *("--judges", str(ROOT / "weights" / "judges"), "--json", str(out)),
            *("--heads", "12", "--few", "8", "--samples", "500"),
        ],
    )
    assert (ran.exit_code, ran.stderr) == (0, "")
    found = json.loads(out.read_text())["models"]["faces"]
    assert found["named"] == [name for name in FACES if name != "age"], "without labels no age"
    assert found["directions"]["smile"]["moves"]["smile"] > 0.3
    assert set(found["ways"]) == {"regression", "alone", "exemplars"}
    assert ran.stdout.startswith("**faces** (weights ")


def test_weights_without_names_are_a_sentence(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "faces").folder
    checkpoint.save_directions(folder, {"pc1": [0.5] * tiny.CONFIG.z_size})
    judges = str(ROOT / "weights" / "judges")
    ran = CliRunner().invoke(
        app, ["run", "directions", "--weights", str(folder), "--judges", judges]
    )
    assert ran.exit_code == 1
    assert "has no direction with a name: run `python -m training directions" in ran.stderr
