"""Devices and processes of a run.

`accelerate launch` starts several processes. Each takes its part of every batch and averages its
gradients with the others; batch statistics are per process unless the recipe sets `sync_norm`.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list
from torch.distributed import DistError

from training.core.trainer import best_precision
from training.data.datasets import Images
from training.data.readers import DataError
from training.recipes import Recipe

PROCESS_TIMEOUT = timedelta(hours=1)
"""Time that processes wait for the main process, which alone evaluates the checkpoints."""
ARRAY_FIELDS = ("train", "held_out")
"""Fields of `Images` that are shared between processes as memory-mapped files."""
PRECISION_NAMES = {"bf16": "bfloat16", "fp16": "float16", "no": "float32"}


class TrainingError(RuntimeError):
    """A run that can't continue; the message says why and what to do."""


def process_count() -> int:
    """Return the number of processes that share each batch."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Return whether this process writes files and prints messages."""
    return os.environ.get("RANK", "0") == "0"


def check_feasible(recipe: Recipe, precision: str | None) -> None:
    """Raise TrainingError if this machine does not support the recipe or the precision.

    Needs no data and no process group, so that mistakes are reported at once.
    """
    if precision == "fp16" and not torch.cuda.is_available():
        raise TrainingError(
            "float16 is for GPUs, and there is none here: leave out --precision, which takes "
            "bfloat16 where the processor computes in it"
        )
    if recipe.batch_size % process_count():
        raise TrainingError(
            f"batches of {recipe.batch_size} can't be split evenly over {process_count()} "
            "processes: "
            "start another number of them (--num_processes)"
        )
    if recipe.sync_norm and process_count() > 1 and not torch.cuda.is_available():
        raise TrainingError(
            "torch normalises over several processes (sync_norm) on GPUs only, and there is none "
            "here: leave it out, and each process normalises its part of the batch, or start one "
            "process"
        )


def load_for_all_processes(recipe: Recipe, source: str) -> Images:
    """Load the recipe's images.

    If all processes run on one machine, the main process decodes the images into files and the
    others map these into memory. Raises DataError in every process.
    """
    if process_count() == 1 or os.environ["LOCAL_WORLD_SIZE"] != os.environ["WORLD_SIZE"]:
        return recipe.pictures(source)
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=PROCESS_TIMEOUT)
    with tempfile.TemporaryDirectory() as folder:
        given: list[Any] = [
            _load_into_folder(recipe, source, Path(folder)) if is_main_process() else None
        ]
        found = broadcast_object_list(given)[0]
        if isinstance(found, Exception):
            raise found
        images, where = found
        maps = {part: np.load(where / f"{part}.npy", mmap_mode="r") for part in ARRAY_FIELDS}
        state.wait_for_everyone()
    return dataclasses.replace(images, **maps)


def _load_into_folder(recipe: Recipe, source: str, folder: Path) -> tuple[Images, Path] | Exception:
    """Save the image arrays to a folder; return the rest of `Images` and the folder, or the error.

    The error is returned, not raised, so that it can be broadcast to the other processes.
    """
    try:
        images = recipe.pictures(source)
        for part in ARRAY_FIELDS:
            np.save(folder / part, getattr(images, part))
    except (DataError, OSError) as error:
        return error
    return dataclasses.replace(images, **dict.fromkeys(ARRAY_FIELDS, np.empty(0, np.uint8))), folder


def make_accelerator(recipe: Recipe, out: Path, precision: str | None) -> Accelerator:
    """Create the Accelerator of a run that logs to `out`. Raises TrainingError."""
    check_feasible(recipe, precision)
    return Accelerator(
        mixed_precision=precision or best_precision(),
        log_with="tensorboard",
        project_dir=out,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PROCESS_TIMEOUT)],
        # without a GPU, Accelerate joins the process group only with cpu=True; otherwise each
        # process would train alone
        cpu=process_count() > 1 and not torch.cuda.is_available(),
    )


def is_connection_lost(error: RuntimeError) -> bool:
    """Return whether an error means that another process has died or timed out.

    gloo raises plain RuntimeErrors, which only their text identifies.
    """
    return isinstance(error, DistError) or "gloo/transport" in str(error)


def lost_process_error(last_state: Callable[[], str]) -> TrainingError:
    """Return the error of a process whose peer has died.

    Ignores SIGTERM from here on: the launcher sends it to the surviving processes, which would
    otherwise end before the message is printed.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return TrainingError(
        f"another process of the run has ended or no longer answers, {last_state()}: start the "
        "same command again with --resume"
    )
