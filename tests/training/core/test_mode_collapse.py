"""The watch fires where maps die, repeat each other, or G draws one picture; else it is silent."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dcgan.models import checkpoint
from dcgan.models.networks import Generator
from tests.training import small
from training.core import mode_collapse, run_log
from training.core.loop import Budget, OnCollapse, Run, TrainingError
from training.core.mode_collapse import (
    CollapseMonitor,
    Survey,
    dead_and_duplicated,
    mean_pairwise_distance,
    measure_collapse,
)
from training.core.state import newest_facts
from training.recipes import FACES

WEIGHTS = Path(__file__).parents[3] / "weights"
WIDE = dataclasses.replace(
    small.RECIPE, model=dataclasses.replace(small.RECIPE.model, generator_widths=(32, 16))
)
"""So many maps that a quarter of a layer is not one or two."""


def test_maps_that_hardly_vary_are_dead_and_those_that_follow_others_duplicated() -> None:
    maps = torch.rand(16, 10, 4, 4, generator=torch.manual_seed(0))
    assert dead_and_duplicated(maps) == (0, 0)
    maps[:, 3] = 0
    maps[:, 4] = 7  # says as little
    maps[:, 5] = 2 * maps[:, 0] + 1
    maps[:, 9] = maps[:, 0] + 0.01 * maps[:, 1]
    assert dead_and_duplicated(maps) == pytest.approx((0.2, 0.2))
    assert dead_and_duplicated(torch.zeros(16, 10, 4, 4)) == (1, 0)


def test_large_maps_are_looked_at_in_some_places() -> None:
    maps = torch.rand(4, 3, 64, 32, generator=torch.manual_seed(0))
    maps[:, 1] = 0
    maps[:, 2, ::8, ::4] = maps[:, 0, ::8, ::4]
    assert dead_and_duplicated(maps) == pytest.approx((1 / 3, 1 / 3))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Survey((0.1, 0.2), (0.1, 0.05), 0.9), None),
        (Survey((0.1, 0.2), (0.1, 0.06), 0.9), "of layer 2's maps 20% are dead, 6% duplicated"),
        (Survey((0.3, 0.0), (0.0, 0.0), 0.9), "of layer 1's maps 30% are dead, 0% duplicated"),
        (Survey((0.0, 0.0), (0.0, 0.0), 0.25), None),
        (Survey((0.0, 0.0), (0.0, 0.0), 0.24), "its pictures differ by 24% of what real ones do"),
    ],
)
def test_a_collapse_is_named(found: Survey, words: str | None) -> None:
    assert found.collapse() == words


@pytest.mark.parametrize(
    "name",
    ["faces", "faces/epoch-1", "faces/epoch-5", "rooms", "rooms/epoch-5", "imagenet32", "mnist"],
)
def test_what_is_shipped_has_not_collapsed(name: str) -> None:
    found = measure_collapse(checkpoint.load(WEIGHTS / name).generator(), 1.0)
    assert max(found.dead) < 0.1
    assert max(found.duplicated) < 0.1


def test_a_look_leaves_g_as_it_is() -> None:
    generator = Generator(small.RECIPE.model)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    assert measure_collapse(generator, 1.0) == measure_collapse(generator, 1.0)
    assert generator.training
    for name, value in generator.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_one_picture_for_every_z_is_no_spread() -> None:
    generator = Generator(small.RECIPE.model)
    real = mean_pairwise_distance(small.pictures(64).transpose(0, 2, 3, 1))
    torch.nn.init.zeros_(generator.project.weight)
    assert measure_collapse(generator, real).diversity < 0.01


def test_a_watch_wants_to_see_it_twice_and_says_it_once() -> None:
    healthy, ill = Generator(WIDE.model), Generator(WIDE.model)
    kill(ill)
    watch = CollapseMonitor(np.zeros((8, 16, 16, 3), np.uint8))  # real ones that are all alike
    said = [
        watch.check(generator) for generator in (ill, healthy, ill, ill, ill, healthy, ill, ill)
    ]
    assert [bool(words) for words in said] == [False, False, False, True, False, False, False, True]


def kill(generator: Generator) -> None:
    """Half of the maps next to z: with a gain and a bias of 0 they stay 0."""
    with torch.no_grad():
        norm = generator.norms[0]
        assert isinstance(norm, nn.BatchNorm2d)
        norm.weight[: len(norm.weight) // 2] = norm.bias[: len(norm.bias) // 2] = 0


def duplicate(generator: Generator) -> None:
    """Half of the maps next to the picture are made like one of them."""
    with torch.no_grad():
        weight = generator.convolutions[0].weight  # (inputs, outputs, K, K)
        assert isinstance(weight, nn.Parameter)
        weight[:, : weight.shape[1] // 2] = weight[:, :1]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks every second step from the start; noise, not alike, is what these nets draw."""
    monkeypatch.setattr(mode_collapse, "CHECK_INTERVAL", 2)
    monkeypatch.setattr(mode_collapse, "FIRST_CHECK", 2)
    monkeypatch.setattr(mode_collapse, "MIN_DIVERSITY", 0.0)


def trained(
    out: Path,
    steps: int,
    on_collapse: OnCollapse,
    injected: dict[int, Callable[[Generator], None]],
    epochs: tuple[int, ...] = (),
) -> list[str]:
    """A run that saves after every fourth step, in which G is harmed once after these steps; what
    it says."""
    said: list[str] = []
    run = Run(WIDE, small.images(), out, "no", on_collapse)
    step = run.trainer.train_step

    def train_step() -> Any:
        losses = step()
        if harm := injected.pop(run.trainer.step, None):
            harm(run.trainer.generator)
        if run.trainer.step % 4 == 0:
            run.save()
        return losses

    run.trainer.train_step = train_step  # type: ignore[method-assign]
    run.train(Budget(steps=steps, log_seconds=0, checkpoint_epochs=epochs), said.append)
    return said


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("harm", [kill, duplicate])
def test_a_run_whose_maps_die_or_repeat_each_other_warns(
    tmp_path: Path, harm: Callable[[Generator], None]
) -> None:
    said = trained(tmp_path, 12, "warn", {5: harm})
    [warning] = [line for line in said if "collapsed" in line]
    assert warning.startswith("G has collapsed at step 8: of layer ")
    assert [entry["step"] for entry in log(tmp_path) if "event" in entry] == [8]
    [at] = [entry for entry in log(tmp_path) if entry["step"] == 8 and "event" not in entry]
    assert at["dead"] + at["duplicated"] > mode_collapse.MAX_BAD_SHARE
    assert newest_facts(tmp_path)["step"] == 12


@pytest.mark.usefixtures("eager")
def test_a_healthy_run_is_not_warned(tmp_path: Path) -> None:
    assert not [line for line in trained(tmp_path, 30, "stop", {}) if "collapsed" in line]
    assert not [entry for entry in log(tmp_path) if "event" in entry]


@pytest.mark.usefixtures("eager")
def test_a_run_that_is_to_stop_stops_and_names_the_last_state(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"at step 8: .* the last whole state is of step 8"):
        trained(tmp_path, 12, "stop", {5: kill})


@pytest.mark.usefixtures("eager")
def test_a_run_goes_back_to_before_it_collapsed_and_on_another_way(tmp_path: Path) -> None:
    said = trained(tmp_path / "back", 12, "rollback", {7: kill})
    [event] = [line for line in said if "collapsed" in line]
    assert "at step 10" in event
    assert event.endswith("Back to step 4, from where other z's are drawn")  # that of 8 was ill
    facts = newest_facts(tmp_path / "back")
    assert (facts["step"], facts["attempt"], facts["healthy"]) == (12, 1, True)
    trained(tmp_path / "through", 12, "rollback", {})
    back, through = (
        checkpoint.load(tmp_path / run / "checkpoints" / "000000096") for run in ("back", "through")
    )
    assert back.hash != through.hash
    assert [entry["step"] for entry in log(tmp_path / "back")][-8:] == list(range(5, 13))


@pytest.mark.usefixtures("eager")
def test_checkpoints_of_a_way_that_was_left_are_not_in_run_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[list[int]] = []
    write = run_log.append_to_log

    def noted(run: Path, entry: dict[str, Any]) -> None:
        if "event" in entry:
            kept.append([entry["images"] for entry in run_log.read_curve(run)])
        write(run, entry)

    monkeypatch.setattr(run_log, "append_to_log", noted)
    trained(tmp_path, 12, "rollback", {5: kill}, epochs=(1,))  # an epoch is 5 steps
    assert kept == [[]]
    assert [entry["images"] for entry in run_log.read_curve(tmp_path)] == [40, 96]


@pytest.mark.usefixtures("eager")
def test_a_run_that_goes_back_can_be_resumed_to_the_same_end(tmp_path: Path) -> None:
    trained(tmp_path / "once", 20, "rollback", {7: kill})
    trained(tmp_path / "twice", 14, "rollback", {7: kill})
    run = Run(WIDE, small.images(), tmp_path / "twice", "no", "rollback")
    run.resume()
    run.train(Budget(steps=20, checkpoint_epochs=()), lambda line: None)
    once, twice = (
        checkpoint.load(tmp_path / name / "checkpoints" / "000000160") for name in ("once", "twice")
    )
    assert once.hash == twice.hash


@pytest.mark.usefixtures("eager")
def test_a_run_goes_back_three_times_at_most(tmp_path: Path) -> None:
    class Always(dict[int, Callable[[Generator], None]]):
        def pop(self, step: int, default: Any = None) -> Any:
            return kill if step > 4 else None

    with pytest.raises(TrainingError, match="after going back 3 times"):
        trained(tmp_path, 40, "rollback", Always())


@pytest.mark.usefixtures("eager")
def test_without_a_healthy_state_there_is_no_way_back(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"It can't go back: .* none is from before .*0004"):
        trained(tmp_path, 12, "rollback", {1: kill})


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_a_healthy_run_of_20_minutes_is_silent(tmp_path: Path, shared: Path) -> None:
    pictures = FACES.pictures(shared / "data" / "faces")
    run = Run(FACES, pictures, tmp_path, on_collapse="stop")
    run.train(Budget(minutes=20, checkpoint_epochs=()), lambda line: None)
    looks = [entry for entry in log(tmp_path) if "dead" in entry]
    assert len({entry["step"] // mode_collapse.CHECK_INTERVAL for entry in looks}) >= 5
    assert not [entry for entry in log(tmp_path) if "event" in entry]
