"""`python -m tests.training.pair OUT [STEPS]`: two real processes over gloo, as `accelerate launch`
starts them: by their environment.

They read OUT/data, which only the first is told of, to OUT/<number>.npy, and say what is wrong with
another in OUT/<number>.txt. They make some steps of each of `CASES`; the first writes the state to
OUT/<case>/states, each its own networks to OUT/<case>/<its number>.safetensors. With STEPS it is a
run in OUT whose second process is killed after so many steps.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from tests.training import small
from training.core import distributed
from training.core.loop import Budget, Run, TrainingError
from training.data.datasets import Images
from training.data.readers import DataError
from training.recipes import Recipe

STEPS = 4
CLASSES = 3
_MODEL = small.RECIPE.model
CASES: dict[str, Recipe] = {
    "both": small.RECIPE,
    "alternating": dataclasses.replace(small.RECIPE, updates="alternating"),
    "conditional": dataclasses.replace(
        small.RECIPE, model=dataclasses.replace(_MODEL, classes=CLASSES)
    ),
}


def pictures(recipe: Recipe) -> Images:
    labels = np.arange(40) % CLASSES if recipe.model.classes else None
    return dataclasses.replace(small.images(), labels=labels)


def read(out: Path) -> None:
    place, number = str(out / "data"), os.environ["RANK"]
    found = distributed.load_for_all_processes(
        small.RECIPE, place if distributed.is_main_process() else "./nowhere"
    )
    np.save(out / number, np.concatenate([found.train, found.held_out]))
    try:
        distributed.load_for_all_processes(
            small.RECIPE, "./nowhere" if distributed.is_main_process() else place
        )
    except DataError as error:
        (out / f"{number}.txt").write_text(str(error))


def steps(out: Path) -> None:
    read(out)
    for name, recipe in CASES.items():
        run = Run(recipe, pictures(recipe), out / name, "no")
        assert run.accelerator.num_processes == 2
        for _ in range(STEPS):
            run.trainer.train_step()
        run.save()
        own = {
            f"{name}/{key}": tensor.detach().contiguous()
            for name, network in run.trainer.networks().items()
            for key, tensor in network.state_dict().items()
        }
        (out / name).mkdir(exist_ok=True)
        save_file(own, out / name / f"{run.accelerator.process_index}.safetensors")
    accelerator = Accelerator()  # the same for all runs of a process
    accelerator.wait_for_everyone()
    accelerator.end_training()


def killed(out: Path, last: int) -> None:
    run = Run(small.RECIPE, small.images(), out, "no")
    step = run.trainer.train_step

    def step_or_die() -> dict[str, torch.Tensor]:
        if run.trainer.step == last and not run.accelerator.is_main_process:
            os.kill(os.getpid(), signal.SIGKILL)
        return step()

    run.trainer.train_step = step_or_die
    try:
        run.train(Budget(minutes=1))
    except TrainingError as error:
        sys.exit(str(error))


def two(work: Callable[[], None]) -> None:
    """Do it twice at the same time; ends with how the first process ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    other = os.fork()
    number = "0" if other else "1"
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    os.environ |= {"RANK": number, "LOCAL_RANK": number, "LOCAL_WORLD_SIZE": "2"}
    work()
    if other and (ended := os.waitstatus_to_exitcode(os.waitpid(other, 0)[1])):
        sys.exit(ended)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    two(lambda: killed(folder, int(sys.argv[2])) if len(sys.argv) > 2 else steps(folder))
