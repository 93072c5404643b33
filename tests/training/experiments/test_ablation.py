"""Variants of a recipe: what is trained, kept, gone on with and printed."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from dcgan.config import ModelConfig
from dcgan.media.images import from_uint8
from dcgan.models import checkpoint
from dcgan.models.networks import Discriminator, Generator
from tests.training import small
from training import records
from training.cli.app import app
from training.core.state import StateError
from training.experiments import ablation, figures, rooms
from training.metrics import evaluation
from training.metrics.evaluation import Evaluator
from training.recipes import ROOMS, Recipe


@pytest.fixture(scope="module")
def distance() -> Evaluator:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(evaluation, "MIN_HELD_OUT", 8)
        return Evaluator(small.pictures(8))


class Playing(Generator):
    """Draws so many different pictures in each of its training passes, whatever it learns."""

    def __init__(self, config: ModelConfig, kinds: list[int]) -> None:
        super().__init__(config)
        self.kinds, self.passes = kinds, 0
        pictures = from_uint8(small.pictures(max(kinds)), config.output)
        self.register_buffer("pictures", torch.from_numpy(pictures))

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        gains: Mapping[int, Tensor] | None = None,
    ) -> Tensor:
        self.passes += torch.is_grad_enabled()
        which = torch.arange(len(z)) % self.kinds[max(self.passes - 1, 0)]
        return self.get_buffer("pictures")[which] + 0 * super().forward(z)


def test_a_recipe_is_trained_and_measured_with_and_without_averaging(distance: Evaluator) -> None:
    [averaged] = ablation.train_and_measure(small.RECIPE, small.images(), 80, distance)["curve"]
    plain = dataclasses.replace(small.RECIPE, average=0.0)
    [found] = ablation.train_and_measure(plain, small.images(), 80, distance)["curve"]
    assert found["images"] == averaged["images"] == 80
    assert found["kid"] == averaged["kid_last"]  # averaging changes no step
    assert averaged["kid"] != averaged["kid_last"]
    assert "kid_last" not in found


def test_neither_looks_nor_figures_on_the_way_change_a_run(
    distance: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = dataclasses.replace(small.RECIPE, average=0.0)
    [once] = ablation.train_and_measure(plain, small.images(), 72, distance)["curve"]
    monkeypatch.setattr(ablation, "CHECKED", 2)
    often = ablation.train_and_measure(plain, small.images(), 72, distance, points=2)["curve"]
    assert [entry["images"] for entry in often] == [40, 72]
    assert (often[-1]["kid"], often[-1]["spread"]) == (once["kid"], once["spread"])


@pytest.mark.parametrize(
    ("kinds", "collapsed", "share"),
    [
        ([1, 1], 1, 0),
        ([2, 2], None, 0.5),
        ([64, 64], None, 1),
        ([1, 64], None, 1),
        ([1, 64, 1, 1], 3, 0),
    ],
    ids=["one picture", "two pictures", "as many as real ones", "for a while", "once more"],
)
def test_a_generator_of_one_picture_has_collapsed(
    distance: Evaluator,
    monkeypatch: pytest.MonkeyPatch,
    kinds: list[int],
    collapsed: int | None,
    share: float,
) -> None:
    def networks(config: ModelConfig) -> tuple[Generator, Discriminator]:
        return Playing(config, kinds), Discriminator(config)

    monkeypatch.setattr(ablation, "CHECKED", 1)
    images = len(kinds) * small.RECIPE.batch_size
    plain = dataclasses.replace(small.RECIPE, average=0.0)
    found = ablation.train_and_measure(plain, small.images(), images, distance, networks=networks)
    assert found.get("collapsed") == collapsed
    assert found["curve"][-1]["spread"] == pytest.approx(share, abs=0.05)


def test_losses_that_are_no_numbers_end_a_run(
    distance: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "CHECKED", 2)
    wild = dataclasses.replace(small.RECIPE, learning_rate=1e30)
    found = ablation.train_and_measure(wild, small.images(), 800, distance)
    assert found == {"curve": [], "diverged": 2}


def test_what_a_file_lacks_is_trained_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, trained = tmp_path / "found.json", list[tuple[str, int]]()

    def train(variant: str, seed: int) -> dict[str, float]:
        trained.append((variant, seed))
        return {"kid": seed + len(variant)}

    clock = SimpleNamespace(monotonic=iter(range(0, 6000, 60)).__next__)  # a minute a look
    monkeypatch.setattr(ablation, "time", clock)
    monkeypatch.setattr(figures, "time", clock)
    facts = ablation.run_variants(
        {"one": "a"}, 2, {"images": 8}, {"training": 9}, out, train, print
    )
    assert (facts["run"]["minutes"], facts["run"]["data"]) == (2, {"training": 9})
    both = {"one": "a", "two": "bb"}
    facts = ablation.run_variants(both, 2, {"images": 8}, {"training": 9}, out, train, print)
    assert trained == [("a", 0), ("a", 1), ("bb", 0), ("bb", 1)]
    assert facts == json.loads(out.read_text())
    assert facts["trained"]["two"]["1"] == {"kid": 3}
    assert facts["run"]["minutes"] == 4  # those before and those now
    with pytest.raises(StateError, match="another images: give a new file"):
        ablation.run_variants(both, 2, {"images": 16}, {}, out, train, print)


def test_several_processes_train_and_rows_keep_their_order(tmp_path: Path) -> None:
    """The first ends last: the others are kept in the meantime, and stand behind it."""
    out = tmp_path / "found.json"

    def train(others: int, seed: int) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while (
            len(records.read(out, dict[str, Any]).get("trained", {})) < others
            and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        return {"process": os.getpid(), "threads": torch.get_num_threads()}

    said: list[str] = []
    rows = {"last": 2, "early": 0, "early, too": 0}
    facts = ablation.run_variants(rows, 1, {}, {}, out, train, said.append, processes=2)
    assert [line.partition(":")[0] for line in said][2] == "last, seed 0"
    assert list(facts["trained"]) == list(rows)
    found = [runs["0"] for runs in facts["trained"].values()]
    assert len({run["process"] for run in found} - {os.getpid()}) == 2
    limit = int(os.environ.get("OMP_NUM_THREADS", max(1, (os.cpu_count() or 1) // 2)))
    assert {run["threads"] for run in found} == {limit}


def test_the_table_has_means_and_names_what_failed() -> None:
    def curve(*kids: float) -> list[dict[str, float]]:
        return [
            {"images": 1000 * number, "kid": kid, "kid_last": 2 * kid}
            for number, kid in enumerate(kids, start=1)
        ]

    runs = {
        "good": {"0": {"curve": curve(2, 1)}, "1": {"curve": curve(4, 3), "collapsed": 25}},
        "late": {"0": {"curve": curve(5), "diverged": 75}},
        "wild": {"0": {"curve": [], "diverged": 50}},
    }
    assert small.cells(ablation.summary_table(runs)) == [
        ["KID after images", "1,000", "2,000", "last G", "seed 0", "seed 1"],
        ["good", "3.000", "2.000", "4.000", "1.000", "3.000, collapsed at 25"],
        ["late", "5.000", "-", "-", "diverged at 75", ""],
        ["wild", "-", "-", "-", "diverged at 50", ""],
    ]


def test_each_variant_of_rooms_changes_one_field() -> None:
    for name, recipe in rooms.VARIANTS.items():
        fields = (field.name for field in dataclasses.fields(Recipe))
        changed = [field for field in fields if getattr(recipe, field) != getattr(ROOMS, field)]
        assert len(changed) == (name != "the recipe")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_command_trains_a_variant(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"all eight kinds": rooms.VARIANTS["all eight kinds of rooms"]}
    monkeypatch.setattr(rooms, "VARIANTS", chosen)
    weights = "weights/faces"  # the same network
    arguments = ["--data", str(shared / "data" / "rooms"), "--init", weights, "--images", "128"]
    out = tmp_path / "rooms.json"
    done = CliRunner().invoke(app, ["run", "rooms", *arguments, "--seeds", "2", "--json", str(out)])
    assert done.exit_code == 0, done.output
    facts = json.loads(out.read_text())
    assert facts["weights"] == checkpoint.load(weights).hash
    assert facts["kid_n"] == 926
    assert {name: len(runs) for name, runs in facts["trained"].items()} == dict.fromkeys(chosen, 2)
