"""Can generated digits stand in for real ones? (Appendix, class-conditional MNIST.)

    python -m training run mnist --weights weights/mnist --data ../shared/data/mnist \\
        --json results/mnist.json

As long as --minutes says, and a minute or two for reading and the real digits. A test digit gets
the label of its nearest neighbour, by Euclidean distance of pixels, among labelled digits that a
class-conditional G drew. Their number grows until the time is up; only the nearest so far is kept,
so that memory does not grow. On 2 cores about 8 million in an hour, as estimated from a small run:
a digit takes 0.65 ms of one core to draw and 0.2 ms to compare with 10,000 others. Beside it real
digits of the same number, those that G was trained on first.

Deviation: G draws with fixed statistics, so that a digit does not depend on its batch, and in the
256 grey levels of the data.

Expect in the paper 2.98% from 50,000 digits, as good as real ones (3.1%; here 3.15%, and 3.09% from
all 60,000), and 1.48% from 10 million. That net was trained for 200 epochs; a G that has seen less
must be worse.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from dcgan.models import checkpoint
from dcgan.models.checkpoint import CheckpointError
from dcgan.models.networks import Generator
from training.data.datasets import AttributeDataset, load_attributes
from training.data.readers import DataError, find_test_file
from training.experiments import figures

SEED = 13
"""Seed of the first block of samples; block i uses SEED + i."""
BLOCK = 1000
"""Number of digits compared at a time: 40 MB of distances to 10,000 test digits."""
COUNTS = (10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000)
"""Numbers of samples after which the error is measured; the last is the paper's maximum."""
REAL = (10_000, 50_000, 60_000)
"""Numbers of real digits for which the error is measured."""
QUOTED = {
    "DCGAN": {50_000: 2.98, 10_000_000: 1.48},
    "real data": {50_000: 3.1},
    "GAN": {50_000: 6.28, 10_000_000: 5.65},
    "InfiMNIST": {10_000_000: 2.6},
    "AlignMNIST": {10_000_000: 1.4},
}
"""Test errors of the paper's appendix in percent, by number of digits (quoted)."""


class Nearest:
    """Incremental 1-nearest-neighbour classifier of a fixed set of test images.

    Keeps only each test image's best match so far, so that memory does not grow.
    """

    def __init__(self, pictures: np.ndarray, device: torch.device) -> None:
        """pictures: test images (N, H, W) uint8."""
        self._asked = _flat(pictures, device)
        self._score = torch.full((len(pictures),), -torch.inf, device=device)
        self._label = torch.full((len(pictures),), -1, device=device)

    @property
    def labels(self) -> np.ndarray:
        """Predicted labels (N,); -1 before any image is added."""
        return self._label.cpu().numpy()

    def add(self, pictures: np.ndarray, labels: np.ndarray) -> None:
        """Add labelled images (M, H, W) uint8, labels (M,). Ties go to the image added first."""
        for start in range(0, len(pictures), BLOCK):
            others = _flat(pictures[start : start + BLOCK], self._asked.device)
            # -|a - b|^2 / 2 without the term |a|^2, which is the same for every b
            score, row = (self._asked @ others.T - others.square().sum(1) / 2).max(1)
            label = torch.from_numpy(labels[start : start + BLOCK]).to(row.device)[row]
            self._label = torch.where(score > self._score, label, self._label)
            self._score = torch.maximum(score, self._score)


def run(
    *,
    weights: Annotated[str, typer.Option(help="Class-conditional checkpoint.")],
    data: Annotated[str, typer.Option(help="Folder of MNIST with a column `label`.")],
    test: Annotated[
        Path | None,
        typer.Option(help="Parquet file of test images; default: test-*.parquet in --data."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Time limit for generating digits.")] = 60,
    out: Annotated[Path | None, typer.Option("--json", help="JSON file for the results.")] = None,
) -> None:
    """Appendix: nearest-neighbour error on MNIST's test digits from generated digits."""
    started = time.monotonic()
    opened = checkpoint.load(weights)
    if not opened.config.classes:
        raise CheckpointError(
            f"{weights} draws without classes, so that its digits have no labels: give weights "
            "that the recipe mnist has trained"
        )
    generator = opened.generator()
    tested = read(str(test or find_test_file(data)), generator)
    real = read(data, generator)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    facts = {
        "weights": opened.hash,
        "images_seen": opened.metadata.get("images_seen"),
        "seed": SEED,
        "pictures": {"training": len(real.names), "test": len(tested.names)},
        "real": from_real(real, tested, device),
        "generated": from_generated(generator.to(device), tested, minutes, typer.echo),
    }
    typer.echo(report(facts))
    figures.write_result(out, facts, started, facts["pictures"])


def read(data: str, generator: Generator) -> AttributeDataset:
    """Read digits at G's resolution. Raises DataError if a label is not one of G's classes."""
    config = generator.config
    found = load_attributes(data, config.image_size, config.channels, ["label"])
    if not 0 <= found.labels.min() <= found.labels.max() < config.classes:
        raise DataError(
            f"{data} has labels {found.labels.min()} to {found.labels.max()}, and G draws classes "
            f"0 to {config.classes - 1}"
        )
    return found


def from_real(
    real: AttributeDataset, tested: AttributeDataset, device: torch.device
) -> list[dict[str, Any]]:
    """Measure the error with each number of real digits in `REAL`.

    Digits are added by descending hash, so that those the recipe trains on come first.
    """
    order = np.argsort(-real.places)
    nearest, found, start = Nearest(tested.pictures[:, 0], device), [], 0
    for end in sorted({min(number, len(order)) for number in REAL}):
        rows = order[start:end]
        nearest.add(real.pictures[rows, 0], real.labels[rows, 0].astype(np.int64))
        found.append({"digits": end, **_error(nearest, tested)})
        start = end
    return found


def from_generated(
    generator: Generator, tested: AttributeDataset, minutes: float, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Measure the error after each of `COUNTS` generated digits, and at the time limit."""
    nearest = Nearest(tested.pictures[:, 0], next(generator.parameters()).device)
    labels = np.arange(BLOCK) % generator.config.classes
    found, began = [], time.monotonic()
    for number in count():
        nearest.add(generator.sample(BLOCK, SEED + number)[..., 0], labels)
        drawn, spent = BLOCK * (number + 1), (time.monotonic() - began) / 60
        over = spent >= minutes or drawn >= COUNTS[-1]
        if over or drawn in COUNTS:
            row = {"digits": drawn, "minutes": round(spent, 2), **_error(nearest, tested)}
            found.append(row)
            say(f"{row['rate']:.2%} from {drawn:,} generated digits")
        if over:
            break
    return found


def _error(nearest: Nearest, tested: AttributeDataset) -> dict[str, float]:
    return figures.wilson_rate(nearest.labels != tested.labels[:, 0])


def _flat(pictures: np.ndarray, device: torch.device) -> torch.Tensor:
    """Flatten to grey levels (N, H W) float32; sums of their products are exact integers."""
    return torch.from_numpy(pictures.reshape(len(pictures), -1)).to(device, torch.float32)


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    ours = {
        name: {
            row["digits"]: f"{row['rate']:.2%} ({figures.interval_text(row)})"
            for row in facts[name]
        }
        for name in ("generated", "real")
    }
    quoted = {
        f"{name} (quoted)": {digits: f"{error:.2f}%" for digits, error in errors.items()}
        for name, errors in QUOTED.items()
    }
    columns = {**ours, **quoted}
    rows = [
        [f"{digits:,}", *(column.get(digits) for column in columns.values())]
        for digits in sorted({digits for column in columns.values() for digits in column})
    ]
    return (
        f"Error of the nearest neighbour on {facts['pictures']['test']:,} test digits, with its "
        f"95% interval.\n\n"
        f"{figures.markdown_table(['digits', *columns], rows)}"
    )
