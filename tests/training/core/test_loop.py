"""Runs: they go on exactly where they stopped, and leave behind what they promise."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dcgan.models import checkpoint
from tests.training import small
from training.core import run_checkpoints, run_log
from training.core.loop import Budget, Run, TrainingError
from training.core.state import StateError, newest_facts
from training.data.datasets import Images, load_images
from training.metrics import evaluation
from training.recipes import Recipe, recipe_from_json

ROOT = Path(__file__).parents[3]
ALTERNATING = dataclasses.replace(small.RECIPE, updates="alternating")


def train(
    out: Path,
    steps: int,
    recipe: Recipe = small.RECIPE,
    *,
    resume: bool = False,
    precision: str = "no",
    pictures: Images | None = None,
    **budget: Any,
) -> list[str]:
    """What a run of so many steps in all says."""
    said: list[str] = []
    run = Run(recipe, pictures or small.images(), out, precision)
    if resume:
        run.resume()
    run.train(Budget(steps=steps, **{"checkpoint_epochs": (), **budget}), said.append)
    return said


def tensors(out: Path) -> dict[str, torch.Tensor]:
    """Of the newest state."""
    return load_file(small.states(out)[-1])


def different(one: Path, other: Path) -> list[str]:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("recipe", [small.RECIPE, ALTERNATING], ids=["both", "alternating"])
def test_20_steps_equal_10_and_10_more(tmp_path: Path, recipe: Recipe, precision: str) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(whole, 20, recipe, precision=precision)
    train(parts, 11, recipe, precision=precision)
    assert len(different(whole, parts)) > 20, "or the comparison below says nothing"

    train(parts, 20, recipe, precision=precision, resume=True)
    names = tensors(parts)
    assert {name.split("/")[0] for name in names} == {
        "generator", "discriminator", "average", "adam_g", "adam_d",
    }  # fmt: skip
    assert different(whole, parts) == []
    assert newest_facts(parts)["step"] == 20


def test_the_seed_is_the_whole_randomness(tmp_path: Path) -> None:
    train(tmp_path / "one", 3)
    torch.manual_seed(99)
    np.random.default_rng().random(5)
    train(tmp_path / "same", 3)
    train(tmp_path / "other", 3, dataclasses.replace(small.RECIPE, seed=1))
    assert different(tmp_path / "one", tmp_path / "same") == []
    assert len(different(tmp_path / "one", tmp_path / "other")) > 20


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_a_signal_leaves_a_state_to_go_on_from(tmp_path: Path, number: signal.Signals) -> None:
    data = small.write_folder(tmp_path / "data")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    command = [sys.executable, "-W", "error", "-m", "tests.training.small", "train", "small"]
    command += ["--data", str(data), "--out", str(parts), "--precision", "no"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("checkpoint"):  # of the first epoch: steps are being made
                process.send_signal(number)
                break
        assert process.stdout.read().splitlines()[-1].startswith("stopped after step ")
    assert process.returncode == 0

    step = newest_facts(parts)["step"]
    pictures = load_images(data, 16, 3)
    assert step >= len(pictures.train) // 8, "an epoch"
    train(parts, step + 5, pictures=pictures, resume=True)
    train(whole, step + 5, pictures=pictures)
    assert different(whole, parts) == []


def test_checkpoints_of_early_epochs_and_the_end_are_a_curve(tmp_path: Path) -> None:
    said = train(tmp_path, 12, checkpoint_epochs=(1, 2), log_seconds=0)
    with Image.open(tmp_path / "samples" / "000000096.png") as grid:
        assert grid.size == (8 * 16, 8 * 16)
    images = [entry["images"] for entry in newest_facts(tmp_path)["curve"]]
    assert images == [40, 80, 96], "an epoch is 5 batches of 8"
    for seen in images:
        weights = checkpoint.load(tmp_path / "checkpoints" / f"{seen:09d}")
        assert weights.metadata["images_seen"] == seen
        weights.generator(), weights.discriminator()
    assert "no KID: that takes 500 held-out pictures" in " ".join(said)

    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == list(range(8, 97, 8))
    assert lines[0].keys() >= {"loss_d", "loss_g", "d_real", "d_fake", "images_per_second"}
    assert any(tmp_path.glob("tensorboard/*tfevents*"))
    assert "min left" in said[1]
    train(tmp_path, 12, resume=True)
    assert [entry["images"] for entry in newest_facts(tmp_path)["curve"]] == images


def test_only_the_newest_states_are_kept(tmp_path: Path) -> None:
    train(tmp_path, 22, checkpoint_epochs=(1, 2, 3, 4))
    kept = ["000000015", "000000020", "000000022"]
    assert sorted(path.stem for path in (tmp_path / "states").iterdir()) == kept


def test_alternating_counts_a_batch_when_both_have_seen_it(tmp_path: Path) -> None:
    train(tmp_path, 13, ALTERNATING, checkpoint_epochs=(1,), log_seconds=0)
    images = [entry["images"] for entry in newest_facts(tmp_path)["curve"]]
    assert images == [40, 48], "5 batches an epoch, 2 steps a batch; 13 steps are 6 batches"
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert ["loss_d" in line for line in lines] == [True, False] * 6 + [True]
    assert ["loss_g" in line for line in lines] == [False, True] * 6 + [False]


def test_run_json_has_all_that_a_release_needs(tmp_path: Path) -> None:
    recipe = dataclasses.replace(small.RECIPE, seed=5)
    pictures = small.images(held_out=3)
    run = Run(recipe, pictures, tmp_path, "no", name="small", data="some/data")
    read: list[run_log.Record] = []
    run.train(
        Budget(steps=8, checkpoint_epochs=(1,)),
        lambda line: read.append(run_log.read_record(tmp_path)) if "checkpoint" in line else None,
    )
    assert [[entry["images"] for entry in record.curve or []] for record in read] == [
        [40],
        [40, 64],
    ]
    record = run_log.read_record(tmp_path)
    assert record.curve == run.curve == newest_facts(tmp_path)["curve"]
    assert recipe_from_json(record.recipe or {}) == recipe
    assert (record.recipe_name, record.data, record.init) == ("small", "some/data", None)
    assert record.pictures == run_log.Pictures(40, 3, pictures.digest())
    [part] = record.parts
    assert (part.from_step, part.precision, part.processes) == (0, "float32", 1)

    again = Run(recipe, pictures, tmp_path, "no", name="small", data="moved/data")
    again.resume()
    again.train(Budget(steps=9, checkpoint_epochs=()), lambda _: None)
    record = run_log.read_record(tmp_path)
    assert [entry["images"] for entry in record.curve or []] == [40, 64, 72]
    assert record.data == "moved/data"
    assert [part.from_step for part in record.parts] == [0, 8]


def test_a_checkpoint_that_a_kill_took_from_the_state_is_not_in_run_json(tmp_path: Path) -> None:
    """run.json is written before the state; what is gone on with is the state."""
    train(tmp_path, 12, checkpoint_epochs=(1,))
    curve = run_log.read_curve(tmp_path)
    (tmp_path / ".run.json.a1b2").write_bytes(b"half of")
    small.change_facts(tmp_path, lambda facts: facts | {"curve": curve[:1]})
    run = Run(small.RECIPE, small.images(), tmp_path, "no")
    run.resume()
    read: list[list[dict[str, Any]]] = []
    run.train(
        Budget(steps=12),
        lambda line: (
            read.append(run_log.read_curve(tmp_path)) if "training on" not in line else None
        ),
    )
    assert read[0][0] == curve[0]
    assert [len(found) for found in read] == [2, 2]
    assert not list(tmp_path.glob(".run.json*"))


def test_a_run_of_before_run_json_had_the_curve_gets_it_when_it_goes_on(tmp_path: Path) -> None:
    train(tmp_path, 12, checkpoint_epochs=(1,))
    whole = run_log.read_record(tmp_path)
    small.forget_new_facts(tmp_path)
    assert run_log.read_record(tmp_path).curve is None
    assert run_log.read_curve(tmp_path) == whole.curve
    train(tmp_path, 12, resume=True)
    assert run_log.read_record(tmp_path).curve == whole.curve


def test_init_adds_up_the_images(tmp_path: Path) -> None:
    train(tmp_path / "first", 4)
    weights = checkpoint.load(tmp_path / "first" / "checkpoints" / "000000032")
    run = Run(small.RECIPE, small.images(), tmp_path / "second", "no")
    run.trainer.start_from(weights)
    run.train(Budget(steps=3), lambda _: None)
    assert newest_facts(tmp_path / "second")["curve"][-1]["images"] == 32 + 3 * 8
    start = run_log.Start(weights.hash, 32)
    assert run_log.read_record(tmp_path / "second").init == start

    again = Run(small.RECIPE, small.images(), tmp_path / "second", "no")
    again.resume()
    assert again.trainer.images_seen == 32 + 3 * 8
    assert again.trainer.step == 3
    again.train(Budget(steps=4), lambda _: None)
    assert run_log.read_record(tmp_path / "second").init == start


def test_losses_that_are_no_numbers_stop_the_run(tmp_path: Path) -> None:
    run = Run(small.RECIPE, small.images(), tmp_path, "no")
    handler = signal.getsignal(signal.SIGINT)
    run.train(Budget(steps=2), lambda _: None)
    with torch.no_grad():
        run.trainer.generator.project.weight.fill_(float("nan"))
    before = tensors(tmp_path)
    with pytest.raises(TrainingError, match=r"at step 3 .*nan.*of step 2\..*--init.*--seed"):
        run.train(Budget(steps=9, log_seconds=0), lambda _: None)
    with pytest.raises(TrainingError, match="at step 4"):
        run.train(Budget(steps=4), lambda _: None)
    assert tensors(tmp_path).keys() == before.keys()
    assert all(torch.isfinite(tensor).all() for tensor in tensors(tmp_path).values())
    assert signal.getsignal(signal.SIGINT) is handler


def test_resume_wants_the_recipe_it_started_with(tmp_path: Path) -> None:
    train(tmp_path, 2)
    other = dataclasses.replace(small.RECIPE, seed=5, mirror=False, description="the same run")
    with pytest.raises(StateError, match=r"with another mirror, seed: give the recipe"):
        Run(other, small.images(), tmp_path, "no").resume()
    reworded = Run(
        dataclasses.replace(small.RECIPE, description="reworded"), small.images(), tmp_path, "no"
    )
    reworded.resume()
    assert reworded.trainer.step == 2


def test_a_state_from_before_a_field_of_recipes_was_there_goes_on(tmp_path: Path) -> None:
    train(tmp_path, 2)

    def older(facts: dict[str, Any]) -> dict[str, Any]:
        del facts["recipe"]["held_out"]
        return facts

    small.change_facts(tmp_path, older)
    other = dataclasses.replace(small.RECIPE, held_out=0.5)
    with pytest.raises(StateError, match="with another held_out: give"):
        Run(other, small.images(), tmp_path, "no").resume()
    run = Run(small.RECIPE, small.images(), tmp_path, "no")
    run.resume()
    assert run.trainer.step == 2


def test_batch_statistics_are_for_sampling_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint of a recipe that samples in training mode has fixed statistics too."""
    monkeypatch.setattr(evaluation, "MIN_HELD_OUT", 16)
    recipe = dataclasses.replace(small.RECIPE, statistics="batch")
    run = Run(recipe, small.images(held_out=16), tmp_path, "no")
    run.train(Budget(steps=2), lambda _: None)
    [entry] = run.curve
    kept = run_checkpoints.best_entry(tmp_path)
    assert kept == entry
    assert np.isfinite(entry["kid"])

    stored = checkpoint.load(tmp_path / "checkpoints" / "000000016").generator()
    for name, buffer in run.trainer.export_generator().named_buffers():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(stored.get_buffer(name), buffer)
    generator = run.trainer.export_generator()
    fixed = generator.sample(8, 0)
    assert (fixed != generator.train().sample(8, 0)).any()
