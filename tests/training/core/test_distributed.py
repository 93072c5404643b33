"""Several processes learn what one would that sees their parts of the batch apart."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from dcgan.models.networks import Discriminator, Generator
from tests.training import pair, small
from training.core import distributed
from training.core.loop import Run, TrainingError
from training.core.state import newest_facts
from training.data.datasets import load_images
from training.data.sampler import BatchSampler, random_generator
from training.recipes import Recipe

ROOT = Path(__file__).parents[3]
LOST = "another process of the run has ended or no longer answers, the last whole state is of step"
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pair")
    small.write_folder(out / "data")
    command = [sys.executable, "-W", "error", "-m", "tests.training.pair", str(out)]
    subprocess.run(command, cwd=ROOT, env=ONE_THREAD, check=True, timeout=200)
    return out


Players = tuple[Generator, Discriminator]


def alone(recipe: Recipe) -> list[Players]:
    """Two copies of the game in one process, each with its half of every batch, whose gradients are
    averaged before an Adam of each network makes the same step in both."""
    torch.manual_seed(recipe.seed)
    first = Generator(recipe.model), Discriminator(recipe.model)
    second = Generator(recipe.model), Discriminator(recipe.model)
    halves = [first, second]
    for ours, theirs in zip(second, first, strict=True):
        ours.load_state_dict(theirs.state_dict())
    adams = [
        torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999), weight_decay=1e-5)
        for network in first
    ]
    images = pair.pictures(recipe)
    batches = BatchSampler(images.train, 8, recipe.seed, mirror=True, labels=images.labels)
    turns = 2 if recipe.updates == "alternating" else 1
    for step in range(pair.STEPS):
        pictures, classes = batches.at(step // turns)
        real = torch.from_numpy(pictures.astype(np.float32) / 127.5 - 1)
        labels = None if classes is None else torch.from_numpy(classes)
        z = random_generator(recipe.seed, "z", step).uniform(-1, 1, (8, 8)).astype(np.float32)
        mine = [
            (
                real[half::2],
                torch.from_numpy(z[half::2]),
                None if labels is None else labels[half::2],
            )
            for half in range(2)
        ]
        fakes = [g(z, told) for (g, _), (_, z, told) in zip(halves, mine, strict=True)]
        if step % turns == 0:
            losses = [
                -logsigmoid(d(seen, told)).mean() - logsigmoid(-d(fake.detach(), told)).mean()
                for (_, d), (seen, _, told), fake in zip(halves, mine, fakes, strict=True)
            ]
            learn([d for _, d in halves], losses, adams[1])
        if step % turns == turns - 1:
            losses = [
                -logsigmoid(d(fake, told)).mean()
                for (_, d), (_, _, told), fake in zip(halves, mine, fakes, strict=True)
            ]
            learn([g for g, _ in halves], losses, adams[0])
    return halves


def learn(copies: list[nn.Module], losses: list[Tensor], adam: torch.optim.Adam) -> None:
    first, second = (list(copy.parameters()) for copy in copies)
    pairs = [
        torch.autograd.grad(loss, own) for loss, own in zip(losses, (first, second), strict=True)
    ]
    for parameter, *gradients in zip(first, *pairs, strict=True):
        parameter.grad = (gradients[0] + gradients[1]) / 2
    adam.step()
    with torch.no_grad():
        for ours, theirs in zip(second, first, strict=True):
            ours.copy_(theirs)


@pytest.mark.parametrize("case", pair.CASES)
def test_two_processes_equal_two_halves_whose_gradients_are_averaged(
    trained: Path, tmp_path: Path, case: str
) -> None:
    """Steps of up to 2e-4 each: the gradients' sums are rounded, and Adam enlarges small ones."""
    recipe = pair.CASES[case]
    halves = alone(recipe)
    [path] = small.states(trained / case)
    state = load_file(path)
    for network, name in zip(halves[0], ("generator", "discriminator"), strict=True):
        for key, expected in network.state_dict().items():  # the first half's statistics, too
            torch.testing.assert_close(state[f"{name}/{key}"], expected, rtol=0, atol=2e-6)

    whole = Run(recipe, pair.pictures(recipe), tmp_path, "no")
    for _ in range(pair.STEPS):
        whole.trainer.train_step()
    for network, name in zip(halves[0], ("generator", "discriminator"), strict=True):
        for key, parameter in network.named_parameters():
            apart = whole.trainer.networks()[name].get_parameter(key) - parameter
            assert apart.abs().max() > 2e-5, "or the comparison above says nothing"


@pytest.mark.parametrize("case", pair.CASES)
def test_both_processes_have_the_same_weights_and_their_own_statistics(
    trained: Path, case: str
) -> None:
    first, second = (load_file(trained / case / f"{process}.safetensors") for process in range(2))
    assert first.keys() == second.keys()
    _, half = alone(pair.CASES[case])
    for network, name in zip(half, ("generator", "discriminator"), strict=True):
        for key, _ in network.named_parameters():
            assert torch.equal(first[f"{name}/{key}"], second[f"{name}/{key}"])
        for key, expected in network.named_buffers():
            torch.testing.assert_close(second[f"{name}/{key}"], expected, rtol=0, atol=2e-6)


def test_the_first_process_decodes_the_pictures_for_both(trained: Path) -> None:
    expected = load_images(trained / "data", 16, 3)
    for process in range(2):
        found = np.load(trained / f"{process}.npy")
        np.testing.assert_array_equal(found[: len(expected.train)], expected.train)
        np.testing.assert_array_equal(found[len(expected.train) :], expected.held_out)
        assert (trained / f"{process}.txt").read_text() == "there is no folder ./nowhere"


def test_when_a_process_is_killed_the_other_ends_with_a_sentence(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-W", "error", "-m", "tests.training.pair", str(out), "23"]
    done = subprocess.run(
        command, cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == f"{LOST} 5: start the same command again with --resume"
    run = Run(small.RECIPE, small.images(), out, "no")
    run.resume()
    assert run.trainer.step == 5


def launched(*arguments: object) -> subprocess.Popen[str]:
    """`train small` in two processes; on CPUs, too, Accelerate starts several for --multi_gpu
    only."""
    command = "-m accelerate.commands.launch --multi_gpu --num_processes 2 --main_process_port 0"
    command += " -m tests.training.small train small --precision no"
    return subprocess.Popen(
        [sys.executable, *command.split(), *map(str, arguments)],
        cwd=ROOT, env=ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def at_work(launcher: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that train, by their numbers, once a state is kept."""
    assert launcher.stdout is not None
    assert any(line.startswith("checkpoint") for line in launcher.stdout)
    children = psutil.Process(launcher.pid).children()
    return sorted(children, key=lambda process: int(process.environ()["RANK"]))


def finished(*arguments: object) -> None:
    launcher = launched(*arguments)
    out, error = launcher.communicate(timeout=200)
    assert launcher.returncode == 0, out + error


@pytest.mark.long
def test_a_launched_run_that_lost_a_process_ends_at_once_and_goes_on_exactly(
    tmp_path: Path,
) -> None:
    data, out, whole = small.write_folder(tmp_path / "data"), tmp_path / "run", tmp_path / "whole"
    launcher = launched("--data", data, "--out", out, "--minutes", 5)
    first, second = at_work(launcher)
    second.kill()
    _, error = launcher.communicate(timeout=15)
    assert launcher.returncode == 1
    assert not first.is_running()
    step = newest_facts(out)["step"]
    assert f"{LOST} {step}: start the same" in " ".join(error.split())
    assert "[rank0]: Traceback" not in error, "the launcher's own apart"

    finished("--data", data, "--out", out, "--resume", "--steps", step + 6)
    finished("--data", data, "--out", whole, "--steps", step + 6)
    found, expected = (load_file(small.states(run)[-1]) for run in (out, whole))
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []
    assert json.loads((out / "run.json").read_text())["parts"][1]["processes"] == 2


@pytest.mark.long
def test_a_launched_run_that_is_to_stop_saves_in_both_processes(tmp_path: Path) -> None:
    data, out = small.write_folder(tmp_path / "data"), tmp_path / "run"
    launcher = launched("--data", data, "--out", out, "--minutes", 5)
    training = at_work(launcher)
    launcher.terminate()
    said, _ = launcher.communicate(timeout=60)
    assert not any(process.is_running() for process in training)
    step = newest_facts(out)["step"]
    lines = said.splitlines()
    assert lines[-1] == f"stopped after step {step}; --resume goes on from here"
    assert lines.count(lines[-1]) == 1, "the first process speaks for both"
    assert len(list((out / "checkpoints").iterdir())) == 1, "no time for another when asked to stop"


def refused(monkeypatch: pytest.MonkeyPatch, recipe: Recipe, processes: int) -> str:
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    with pytest.raises(TrainingError) as refusal:
        distributed.check_feasible(recipe, "no")
    return str(refusal.value)


def test_what_several_processes_can_not_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused(monkeypatch, small.RECIPE, 3)
    assert said.startswith("batches of 8 can't be split evenly over 3 processes: start another")
    synchronised = dataclasses.replace(small.RECIPE, sync_norm=True)
    assert "on GPUs only, and there is none here: leave it out" in refused(
        monkeypatch, synchronised, 2
    )
    monkeypatch.setenv("WORLD_SIZE", "1")
    distributed.check_feasible(synchronised, "no")
