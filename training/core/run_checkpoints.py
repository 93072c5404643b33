"""Checkpoints of a run: their folders, their cards, and the choice of the best one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint
from training.core import run_log
from training.core.state import StateError
from training.metrics import evaluation


def best_entry(run: Path, images: int | None = None) -> dict[str, Any]:
    """Return the entry of lowest KID in a run's curve: images, minutes, kid, n.

    images: return the entry of the checkpoint after this number of images instead.

    Raises RecordError if run.json is damaged, and StateError if no checkpoint has a KID or none has
    seen exactly that many images.
    """
    measured = [entry for entry in run_log.read_curve(run) if "kid" in entry]
    if not measured:
        raise StateError(
            f"no checkpoint of {run} has a KID: that takes {evaluation.MIN_HELD_OUT:,} held-out "
            "images and a run that has reached its first checkpoint"
        )
    if images is None:
        return min(measured, key=lambda entry: entry["kid"])
    found = [entry for entry in measured if entry["images"] == images]
    if not found:
        seen = ", ".join(f"{entry['images']:,}" for entry in measured)
        raise StateError(f"{run} has no checkpoint after {images:,} images, but after {seen}")
    return found[0]


def copy_best(run: Path, out: Path, images: int | None = None) -> tuple[Checkpoint, dict[str, Any]]:
    """Copy the run's checkpoint of lowest KID, with its probe if it has one, to a new folder.

    images: copy the checkpoint after this number of images instead. Returns the copy and its entry
    in the curve.

    Raises RecordError, StateError, CheckpointError, and FileExistsError if the folder is not empty:
    directions and other side files of other weights would not fit these.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty: give a new folder, or remove it first")
    entry = best_entry(run, images)
    source = checkpoint.load(checkpoint_folder(run, entry["images"]))
    copied = checkpoint.save(out, source.generator(), source.discriminator(), source.card)
    for path in source.folder.glob(checkpoint.PROBE):
        shutil.copyfile(path, out / path.name)
    return copied, entry


def checkpoint_folder(run: Path, images_seen: int) -> Path:
    """Return the folder of a run's checkpoint after this number of images."""
    return run / "checkpoints" / f"{images_seen:09d}"


def checkpoint_card(description: str, entry: dict[str, float]) -> str:
    """Return the card of a checkpoint within a run: YAML front matter and the description."""
    facts = {"images_seen": entry["images"], "minutes": entry["minutes"]}
    if "kid" in entry:
        facts |= {"kid": entry["kid"], "kid_n": entry["n"]}
    front = "".join(f"{name}: {value}\n" for name, value in facts.items())
    return f"---\n{front}---\n\n{description}\n"


def kid_text(entry: dict[str, float]) -> str:
    """Return an entry's KID for a message, or why it has none."""
    if "kid" not in entry:
        return f"no KID: that takes {evaluation.MIN_HELD_OUT:,} held-out pictures"
    return f"KID {entry['kid']:.5f} (n = {entry['n']:,})"
