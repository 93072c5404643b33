"""Options of a recipe change how fast it learns, not what."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import nn
from typer.testing import CliRunner

from tests.training import small
from training.cli.app import app
from training.core import loop
from training.core.loop import Budget, Run, TrainingError
from training.core.state import StateError, newest_facts
from training.core.trainer import Trainer
from training.data.readers import DataError
from training.data.sampler import BatchSampler, Prefetcher
from training.recipes import Option, Recipe

COMPILED = dataclasses.replace(small.RECIPE, compile=True)
torch_warns = pytest.mark.filterwarnings("ignore")  # of torch's own code, while it compiles
PREFETCH = dataclasses.replace(small.RECIPE, prefetch=True)


def train(out: Path, recipe: Recipe, steps: int, *, resume: bool = False) -> Run:
    run = Run(recipe, small.images(), out, "no")
    if resume:
        run.resume()
    run.train(Budget(steps=steps, checkpoint_epochs=()), lambda _: None)
    return run


def different(one: Path, other: Path) -> list[str]:
    """Of two runs' newest states."""
    first, second = (load_file(small.states(run)[-1]) for run in (one, other))
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


@pytest.mark.parametrize("updates", ["both", "alternating"])
def test_batches_gathered_ahead_are_the_same(tmp_path: Path, updates: Any) -> None:
    """Over the end of an epoch, through a resume, and also where a resume turns it on."""
    plain, ahead = (
        dataclasses.replace(recipe, updates=updates) for recipe in (small.RECIPE, PREFETCH)
    )
    train(tmp_path / "plain", plain, 14)
    train(tmp_path / "ahead", ahead, 7)
    assert len(different(tmp_path / "plain", tmp_path / "ahead")) > 20
    run = train(tmp_path / "ahead", ahead, 14, resume=True)
    assert different(tmp_path / "plain", tmp_path / "ahead") == []
    train(tmp_path / "plain", ahead, 16, resume=True)
    run.train(Budget(steps=16, checkpoint_epochs=()), lambda _: None)
    assert different(tmp_path / "plain", tmp_path / "ahead") == []


def test_the_next_batch_is_made_while_nobody_asks_for_it() -> None:
    made, second = [], threading.Event()

    def make(number: int) -> int:
        made.append((number, threading.current_thread()))
        if number == 1:
            second.set()
        return 10 * number

    with Prefetcher(make) as ahead:
        assert ahead.at(0) == 0
        assert second.wait(10)
        assert [ahead.at(number) for number in (0, 1, 1, 7)] == [0, 10, 10, 70]
    assert [number for number, _ in made][:4] == [0, 1, 2, 7]
    threads = {thread for _, thread in made}
    assert len(threads) == 1
    assert not threads.pop().is_alive()


@pytest.mark.parametrize("recipe", [small.RECIPE, PREFETCH], ids=["plain", "ahead"])
@pytest.mark.parametrize(
    ("error", "seen"), [(DataError("gone"), DataError), (OSError("disk"), TrainingError)]
)
def test_an_error_in_a_batch_ends_the_run_at_its_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recipe: Recipe,
    error: Exception,
    seen: type[Exception],
) -> None:
    at = BatchSampler.at

    def broken(self: BatchSampler, step: int) -> tuple[np.ndarray, np.ndarray | None]:
        if step == 6:
            raise error
        return at(self, step)

    monkeypatch.setattr(BatchSampler, "at", broken)
    run = Run(recipe, small.images(), tmp_path, "no")
    with pytest.raises(seen, match=str(error)):
        run.train(Budget(steps=9, checkpoint_epochs=()), lambda _: None)
    assert run.trainer.step == 6
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


@torch_warns
def test_what_does_not_decide_what_is_learned_may_change_within_a_run(tmp_path: Path) -> None:
    train(tmp_path, small.RECIPE, 2)
    Run(PREFETCH, small.images(), tmp_path, "no").resume()
    Run(COMPILED, small.images(), tmp_path, "no").resume()
    synchronised = dataclasses.replace(small.RECIPE, sync_norm=True)
    with pytest.raises(StateError, match="with another sync_norm: give"):
        Run(synchronised, small.images(), tmp_path, "no").resume()

    def older(facts: dict[str, Any]) -> dict[str, Any]:
        for name in ("sync_norm", "compile", "prefetch"):
            facts["recipe"].pop(name, None)
        return facts

    small.change_facts(tmp_path, older)
    Run(PREFETCH, small.images(), tmp_path, "no").resume()


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes runs scale their losses in float32, as they would in float16 on a GPU."""

    def scale(start: float) -> None:
        original = loop.make_accelerator

        def with_scaler(*arguments: Any) -> Accelerator:
            accelerator = original(*arguments)
            accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=start, growth_interval=9)
            return accelerator

        monkeypatch.setattr(loop, "make_accelerator", with_scaler)

    return scale


def test_scaled_losses_make_the_same_steps_and_the_scale_is_kept(
    tmp_path: Path, scaled: Callable[[float], None]
) -> None:
    """Powers of two round nothing. Both optimisers tell the one scaler: two updates a step."""
    train(tmp_path / "plain", small.RECIPE, 7)
    scaled(2.0**10)
    train(tmp_path / "whole", small.RECIPE, 7)
    assert different(tmp_path / "plain", tmp_path / "whole") == []
    kept = newest_facts(tmp_path / "whole")["scaler"]
    assert (kept["scale"], kept["_growth_tracker"]) == (2.0**11, 14 - 9)
    train(tmp_path / "parts", small.RECIPE, 3)
    train(tmp_path / "parts", small.RECIPE, 7, resume=True)
    assert newest_facts(tmp_path / "parts")["scaler"] == kept
    assert different(tmp_path / "plain", tmp_path / "parts") == []


def test_a_step_whose_gradients_overflow_is_left_out(
    tmp_path: Path, scaled: Callable[[float], None]
) -> None:
    """D's overflows and is skipped; half the scale fits; G's step is made."""
    scaled(2.0**127)
    run = Run(small.RECIPE, small.images(), tmp_path, "no")
    before = {
        name: [parameter.detach().clone() for parameter in network.parameters()]
        for name, network in run.trainer.networks().items()
    }

    def unchanged(name: str) -> bool:
        parameters = run.trainer.networks()[name].parameters()
        return all(map(torch.equal, before[name], parameters))

    run.trainer.train_step()
    assert unchanged("discriminator")
    assert not unchanged("generator")
    assert run.accelerator.scaler is not None
    assert run.accelerator.scaler.get_scale() == 2.0**126
    for _ in range(20):
        run.trainer.train_step()
    assert not unchanged("discriminator")
    parameters = run.trainer.discriminator.parameters()
    assert all(torch.isfinite(parameter).all() for parameter in parameters)


def test_float16_without_a_gpu_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="float16 is for GPUs, and there is none here: leave"):
        Run(small.RECIPE, small.images(), tmp_path, "fp16")


class _Two(Accelerator):
    num_processes = 2  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]  (a property)


def test_synchronised_normalisation_keeps_names_and_is_looked_at_by_one_process() -> None:
    recipe = dataclasses.replace(small.RECIPE, sync_norm=True)
    trainer = Trainer(recipe, small.images(), _Two(mixed_precision="no"))
    plain = Trainer(small.RECIPE, small.images(), Accelerator(mixed_precision="no"))
    for network in (trainer.generator, trainer.discriminator):
        assert any(isinstance(module, nn.SyncBatchNorm) for module in network.modules())
    for name, network in trainer.networks().items():
        ours, theirs = network.state_dict(), plain.networks()[name].state_dict()
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    z = torch.rand(4, 8)
    assert torch.equal(trainer.generator_to_inspect()(z), plain.generator_to_inspect()(z))
    synchronised = [
        isinstance(module, nn.SyncBatchNorm) for module in trainer.generator_to_inspect().modules()
    ]
    assert not any(synchronised), "one process would wait for the others"
    assert plain.generator_to_inspect() is plain.generator
    torch.testing.assert_close(trainer.export_generator()(z), plain.export_generator()(z))


@torch_warns
def test_compiled_networks_keep_their_names() -> None:
    compiled, plain = (
        Trainer(each, small.images(), Accelerator(mixed_precision="no"))
        for each in (COMPILED, small.RECIPE)
    )
    for name, network in compiled.networks().items():
        assert list(network.state_dict()) == list(plain.networks()[name].state_dict())


@torch_warns
@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_compiled_networks_learn_the_same(tmp_path: Path, precision: str) -> None:
    """Up to rounding, of which bfloat16 has much: six steps are of up to 2e-4 each."""
    for each, out in ((small.RECIPE, "plain"), (COMPILED, "compiled")):
        run = Run(each, small.images(), tmp_path / out, precision)
        run.train(Budget(steps=6, checkpoint_epochs=()), lambda _: None)
    first, second = (load_file(small.states(tmp_path / out)[-1]) for out in ("plain", "compiled"))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        if name.endswith("weight") and not name.startswith("adam"):
            apart = (second[name] - tensor).abs().mean()
            assert apart < (1e-6 if precision == "no" else 1e-4), name


def test_options_are_turned_on_by_the_command(tmp_path: Path) -> None:
    data = small.write_folder(tmp_path / "data")
    command = ["train", "imagenet32", "--data", str(data), "--out", str(tmp_path / "run")]
    options = ["--with", "prefetch", "--with", "compile"]
    shown = CliRunner().invoke(app, [*command, *options, "--dry-run"]).stdout
    recipe = json.loads(shown[: shown.rindex("}") + 1])
    assert [recipe[option] for option in Option] == [False, True, True]
    wrong = CliRunner().invoke(app, [*command, "--with", "fetch"])
    assert wrong.exit_code == 2
    assert "'prefetch'" in wrong.output


def test_what_can_not_be_done_is_said_before_anything_is_read(tmp_path: Path) -> None:
    command = ["train", "faces", "--data", "nowhere", "--out", str(tmp_path), "--precision"]
    refused = CliRunner().invoke(app, [*command, "fp16"])
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: float16 is for GPUs, and there is none here")
