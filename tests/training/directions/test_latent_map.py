"""The map of samples: a square in which neighbours are alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dcgan.models import checkpoint
from dcgan.models.exemplars import ExemplarError, parse_map
from dcgan.rendering.engine import Model
from training.directions import latent_map
from training.directions.latent_map import SEED, assign_to_cells, neighbour_distance

WEIGHTS = Path(__file__).parents[3] / "weights"


def test_places_on_a_square_find_their_cells() -> None:
    row, column = np.divmod(np.arange(25), 5)
    shuffled = np.random.default_rng(0).permutation(25)
    places = np.stack([column, row], axis=1)[shuffled] * [3.0, 0.1] + [7, -2]
    cells = assign_to_cells(places, 5)
    assert (shuffled[cells] == np.arange(25).reshape(5, 5)).all()


def test_neighbours_are_measured_against_any_two() -> None:
    rng = np.random.default_rng(1)
    row, column = np.divmod(np.arange(100), 10)
    smooth = np.stack([row, column], axis=1).astype(float)
    cells = np.arange(100).reshape(10, 10)
    assert neighbour_distance(smooth, cells) == pytest.approx(
        1 / 5.21, abs=0.05
    )  # of a square of 10
    assert neighbour_distance(rng.normal(size=(100, 50)), cells) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["faces", "mnist"])
def test_a_small_map_has_every_draw_and_neighbours_more_alike_than_any_two(name: str) -> None:
    model = Model(name, checkpoint.load(WEIGHTS / name))
    found, nearness = latent_map.make_latent_map(model, side=8)
    assert found["seed"] == SEED
    assert sorted(np.ravel(found["draws"])) == list(range(64))
    assert min(nearness.values()) < 0.95
    assert latent_map.make_latent_map(model, side=8) == (found, nearness)


@pytest.mark.long
@pytest.mark.parametrize("name", ["faces", "rooms"])
def test_the_shipped_map_is_what_the_command_writes(name: str) -> None:
    model = Model(name, checkpoint.load(WEIGHTS / name))
    assert latent_map.make_latent_map(model)[0] == model.checkpoint.map


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no map"),
        ("[]", "no map"),
        ('{"seed": 1}', "no map"),
        ('{"seed": -1, "draws": [[0, 1], [2, 3]]}', "z's seed must be"),
        ('{"seed": 1, "draws": [[0, 1], [2, -3]]}', "z's index must be"),
        ('{"seed": 1, "draws": [[0, 1], [2]]}', "a square"),
        ('{"seed": 1, "draws": [[0]]}', "a square"),
    ],
)
def test_what_is_no_map_is_refused(text: str, says: str) -> None:
    with pytest.raises(ExemplarError, match=says):
        parse_map(text)


def test_a_map_is_saved_and_read(tmp_path: Path) -> None:
    found = json.loads('{"seed": 3, "draws": [[0, 1], [2, 3]]}')
    checkpoint.save_map(tmp_path, found)
    assert parse_map((tmp_path / checkpoint.MAP).read_text()) == found
