"""What weights are worth: samples, their distances, the choice of a run's checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dcgan import checkpoint, images, latent
from dcgan.checkpoint import Checkpoint
from dcgan.networks import Generator
from training import journal
from training.data import shown
from training.distances import (
    Features,
    Measure,
    frechet_distance,
    kernel_distance,
    precision_and_recall,
)
from training.neighbours import feature_distances, nearer
from training.sources import DataError
from training.state import StateError

COUNT, MINIMUM = 2000, 500
"""Pictures on either side of a kernel distance, and how few will do where less is held out."""
SEED = 1
"""Of the samples compared; grids show seed 0."""
BATCH = 128


@torch.inference_mode()
def sample(generator: Generator, count: int, seed: int, batch_size: int = BATCH) -> np.ndarray:
    """(count, H, W, 3) uint8 of z's 0 to count - 1, normalised as G's mode has it."""
    config = generator.config
    device = next(generator.parameters()).device
    z = latent.draws(seed, 0, count, config.z_size, config.prior).astype(np.float32)
    pictures = []
    for start in range(0, count, batch_size):
        part = torch.from_numpy(z[start : start + batch_size]).to(device)
        labels = torch.arange(start, start + len(part), device=device)
        drawn = generator(part, labels % config.classes if config.classes else None)
        pictures.append(images.to_uint8(drawn.cpu().numpy(), config.output))
    return np.concatenate(pictures)


class Distance:
    """Of generators' pictures from the first `count` held-out ones, `count` of either."""

    def __init__(
        self,
        held_out: np.ndarray,
        trained: np.ndarray | None = None,
        *,
        count: int | None = None,
        features: Measure | None = None,
    ) -> None:
        """held_out, trained: (N, C, H, W) uint8, the latter to look for copies in. count: by
        default COUNT. features: by default `Features`. Raises DataError where fewer than MINIMUM
        are held out."""
        if len(held_out) < MINIMUM:
            raise DataError(
                f"a kernel distance takes {MINIMUM:,} held-out pictures, but there are only "
                f"{len(held_out):,}: give a larger set (one picture in twelve is held out)"
            )
        self.count = min(count or COUNT, len(held_out))
        self.features = features or Features()
        self._real: Tensor = self.features(shown(held_out[: self.count]))
        if trained is not None:
            trained = trained[:: max(1, len(trained) // COUNT)][:COUNT]
        self._trained = None if trained is None else self.features(shown(trained))

    def __call__(self, generator: Generator, batch_size: int = BATCH) -> float:
        """KID."""
        return kernel_distance(self._drawn(generator, batch_size), self._real)

    def figures(self, generator: Generator, batch_size: int = BATCH) -> dict[str, Any]:
        """kid, frechet, precision, recall, n; and, where there are pictures to look in, `nearer`:
        the chance that a sample lies nearer to one of COUNT training pictures, all over the set,
        than a held-out picture does. That is 0.5 where they are alike, 1 where G copies."""
        drawn = self._drawn(generator, batch_size)
        precision, recall = precision_and_recall(drawn, self._real)
        found = {
            "kid": kernel_distance(drawn, self._real),
            "frechet": round(frechet_distance(drawn, self._real), 3),
            "precision": round(precision, 4),
            "recall": round(recall, 4),
            "n": self.count,
        }
        if self._trained is not None:
            ours, theirs = (
                feature_distances(pictures, self._trained).min(axis=1)
                for pictures in (drawn, self._real)
            )
            found["nearer"] = round(nearer(ours, theirs), 4)
        return found

    def _drawn(self, generator: Generator, batch_size: int) -> Tensor:
        return self.features(sample(generator, self.count, SEED, batch_size))


def best(run: Path, images: int | None = None) -> dict[str, Any]:
    """The entry of lowest KID in a run's curve: images, minutes, kid, n; or that of the checkpoint
    after so many images. Raises RecordError, StateError."""
    measured = [entry for entry in journal.curve(run) if "kid" in entry]
    if not measured:
        raise StateError(
            f"no checkpoint of {run} has a KID: that takes {MINIMUM:,} held-out pictures and a run "
            "that has reached its first checkpoint"
        )
    if images is None:
        return min(measured, key=lambda entry: entry["kid"])
    found = [entry for entry in measured if entry["images"] == images]
    if not found:
        seen = ", ".join(f"{entry['images']:,}" for entry in measured)
        raise StateError(f"{run} has no checkpoint after {images:,} images, but after {seen}")
    return found[0]


def copy_best(run: Path, out: Path, images: int | None = None) -> tuple[Checkpoint, dict[str, Any]]:
    """Copy the run's `best` checkpoint, with its probe if it has one, to a new folder.

    Returns it with its entry in the curve.

    Raises RecordError, StateError, CheckpointError, and FileExistsError where something is there:
    directions and whatever else was made for other weights would not fit these.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty: give a new folder, or remove it first")
    entry = best(run, images)
    source = checkpoint.load(folder_of(run, entry["images"]))
    copied = checkpoint.save(out, source.generator(), source.discriminator(), source.card)
    for path in source.folder.glob(checkpoint.PROBE):
        shutil.copyfile(path, out / path.name)
    return copied, entry


def folder_of(run: Path, images_seen: int) -> Path:
    """Where a run keeps the checkpoint made after so many images."""
    return run / "checkpoints" / f"{images_seen:09d}"


def card(description: str, entry: dict[str, float]) -> str:
    """The card of a checkpoint within a run: what --init and people need of an entry."""
    facts = {"images_seen": entry["images"], "minutes": entry["minutes"]}
    if "kid" in entry:
        facts |= {"kid": entry["kid"], "kid_n": entry["n"]}
    front = "".join(f"{name}: {value}\n" for name, value in facts.items())
    return f"---\n{front}---\n\n{description}\n"


def kid_text(entry: dict[str, float]) -> str:
    if "kid" not in entry:
        return f"no KID: that takes {MINIMUM:,} held-out pictures"
    return f"KID {entry['kid']:.5f} (n = {entry['n']:,})"
