"""What a run is trained on: a process and its device, or several processes that share each batch.

Several are started by `accelerate launch`, and each takes its part of every batch, with batch
statistics of its own unless the recipe says `sync_norm`; their gradients are averaged.
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
"""How long processes wait for the first, which alone measures the checkpoints."""
ARRAY_FIELDS = ("train", "held_out")
PRECISION_NAMES = {"bf16": "bfloat16", "fp16": "float16", "no": "float32"}


class TrainingError(RuntimeError):
    """A run that can't go on; the message says why and what to do."""


def process_count() -> int:
    """How many share each batch."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this is the one that writes and speaks for all."""
    return os.environ.get("RANK", "0") == "0"


def check_feasible(recipe: Recipe, precision: str | None) -> None:
    """Raises TrainingError for what can't be done here, before anything is read."""
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
    """The recipe's pictures; of several processes on one machine the first decodes them for all.

    Raises DataError, in each of them.
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
    """What is known of the pictures, which lie as arrays in a folder; or what went wrong."""
    try:
        images = recipe.pictures(source)
        for part in ARRAY_FIELDS:
            np.save(folder / part, getattr(images, part))
    except (DataError, OSError) as error:
        return error
    return dataclasses.replace(images, **dict.fromkeys(ARRAY_FIELDS, np.empty(0, np.uint8))), folder


def make_accelerator(recipe: Recipe, out: Path, precision: str | None) -> Accelerator:
    """Raises TrainingError for what can't be done here."""
    check_feasible(recipe, precision)
    return Accelerator(
        mixed_precision=precision or best_precision(),
        log_with="tensorboard",
        project_dir=out,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PROCESS_TIMEOUT)],
        # without a GPU Accelerate looks for other processes only if told so: each would train alone
        cpu=process_count() > 1 and not torch.cuda.is_available(),
    )


def is_connection_lost(error: RuntimeError) -> bool:
    """Whether another process has ended, or answers no longer: gloo's errors have no type."""
    return isinstance(error, DistError) or "gloo/transport" in str(error)


def lost_process_error(last_state: Callable[[], str]) -> TrainingError:
    """What a process says that is left; from here on the launcher's SIGTERM does not stop it from
    saying so."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return TrainingError(
        f"another process of the run has ended or no longer answers, {last_state()}: start the "
        "same command again with --resume"
    )
