"""Variants of a recipe: what is trained, kept, gone on with and printed."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dcgan import checkpoint
from tests.training import small
from training import ablation
from training.__main__ import app
from training.evaluation import Distance
from training.experiments import rooms
from training.recipes import ROOMS, Recipe
from training.state import StateError


@pytest.fixture(scope="module")
def distance() -> Distance:
    return Distance(small.pictures(500))


def test_a_recipe_is_trained_and_measured_with_and_without_averaging(distance: Distance) -> None:
    averaged = ablation.measure(small.RECIPE, small.images(), 80, distance, None)
    plain = dataclasses.replace(small.RECIPE, average=0.0)
    found = ablation.measure(plain, small.images(), 80, distance, None)
    assert found["kid"] == found["kid_last"] == averaged["kid_last"]  # averaging changes no step
    assert averaged["kid"] != averaged["kid_last"]


def test_losses_that_are_no_numbers_end_a_run(
    distance: Distance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "CHECKED", 2)
    wild = dataclasses.replace(small.RECIPE, learning_rate=math.inf)
    assert ablation.measure(wild, small.images(), 800, distance, None) == {"diverged": 2}


def test_what_a_file_lacks_is_trained_and_nothing_else(tmp_path: Path) -> None:
    out, trained = tmp_path / "found.json", list[tuple[bool, int]]()

    def train(recipe: Recipe) -> dict[str, float]:
        trained.append((recipe.mirror, recipe.seed))
        return {"kid": recipe.seed + recipe.mirror / 2, "kid_last": 2.0}

    plain = dataclasses.replace(small.RECIPE, mirror=False)
    ablation.run({"mirrored": small.RECIPE}, 2, {"images": 8}, out, train, print)
    both = {"mirrored": small.RECIPE, "not mirrored": plain}
    facts = ablation.run(both, 2, {"images": 8}, out, train, print)
    assert trained == [(True, 0), (True, 1), (False, 0), (False, 1)]
    assert facts == json.loads(out.read_text())
    assert facts["trained"]["not mirrored"]["1"] == {"kid": 1.0, "kid_last": 2.0}
    with pytest.raises(StateError, match="another images: give a new file"):
        ablation.run(both, 2, {"images": 16}, out, train, print)


def test_the_table_has_means_and_names_what_diverged() -> None:
    runs = {
        "good": {"0": {"kid": 1.0, "kid_last": 1.5}, "1": {"kid": 2.0, "kid_last": 3.0}},
        "wild": {"0": {"diverged": 50}},
    }
    _, good, wild = ablation.table(runs).splitlines()
    assert good.split() == ["good", "1.500", "2.250", "1.000,", "2.000"]
    assert wild.split(maxsplit=3)[1:] == ["nan", "nan", "diverged at step 50"]


def test_each_variant_of_rooms_changes_one_field() -> None:
    for name, recipe in rooms.VARIANTS.items():
        fields = (field.name for field in dataclasses.fields(Recipe))
        changed = [field for field in fields if getattr(recipe, field) != getattr(ROOMS, field)]
        assert len(changed) == (name != "the recipe")


@pytest.mark.long
def test_the_command_trains_every_variant(shared: Path, tmp_path: Path) -> None:
    weights = "weights/faces"  # the same network
    arguments = ["--data", str(shared / "data" / "rooms"), "--init", weights, "--images", "128"]
    out = tmp_path / "rooms.json"
    done = CliRunner().invoke(app, ["run", "rooms", *arguments, "--seeds", "2", "--json", str(out)])
    assert done.exit_code == 0, done.output
    facts = json.loads(out.read_text())
    assert facts["weights"] == checkpoint.load(weights).hash
    assert facts["kid_n"] == 926
    assert {name: len(runs) for name, runs in facts["trained"].items()} == dict.fromkeys(
        rooms.VARIANTS, 2
    )
