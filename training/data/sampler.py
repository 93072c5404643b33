"""Batch sampling as a function of the step, prefetching, and random generators."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np

from training.data.readers import DataError

Made = TypeVar("Made")


class BatchSampler:
    """Minibatches that depend on (seed, step) only, so that the step is their whole state.

    Every epoch runs through all images in a new order; its last, incomplete batch is dropped. With
    several processes each gets its own slice of the common batch. mirror: flip images horizontally
    with probability 1/2. The constructor raises DataError if the images do not fill a batch.
    """

    def __init__(
        self,
        images: np.ndarray,
        batch_size: int,
        seed: int,
        mirror: bool,
        *,
        labels: np.ndarray | None = None,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        if len(images) < batch_size:
            raise DataError(
                f"a batch has {batch_size} pictures, but there are only {len(images)} to train on"
            )
        self.images, self.labels, self.mirror, self.seed = images, labels, mirror, seed
        self.batch_size = batch_size
        self.steps_per_epoch = len(images) // batch_size
        self._slice = slice(process, None, processes)
        self._order = (-1, np.empty(0, np.int64))

    def at(self, step: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return batch number `step`: images (N, C, H, W) uint8, and labels (N,) or None."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            order = random_generator(self.seed, "order", epoch).permutation(len(self.images))
            self._order = (epoch, order)
        start = position * self.batch_size
        rows = self._order[1][start : start + self.batch_size][self._slice]
        pictures = self.images[rows]
        if self.mirror:
            flip = (
                random_generator(self.seed, "mirror", step).random(self.batch_size)[self._slice]
                < 0.5
            )
            pictures[flip] = pictures[flip, :, :, ::-1]
        return pictures, None if self.labels is None else self.labels[rows]


class Prefetcher(Generic[Made]):
    """Prepares the next batch in a thread while the current one is used."""

    def __init__(self, make: Callable[[int], Made]) -> None:
        """make: returns the batch of a number; called in the thread only."""
        self._make, self._thread = make, ThreadPoolExecutor(1, "batches")
        self._made: dict[int, Future[Made]] = {}

    def at(self, number: int) -> Made:
        """Return batch `number` and start preparing the next one; reraise errors of `make`."""
        self._made = {
            wanted: self._made.get(wanted) or self._thread.submit(self._make, wanted)
            for wanted in (number, number + 1)
        }
        return self._made[number].result()

    def __enter__(self) -> Prefetcher[Made]:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)


def sample_per_class(
    labels: np.ndarray, classes: int, count: int, chance: np.random.Generator
) -> np.ndarray:
    """Sample `count` different rows of each class at random; rows are grouped by class.

    labels: class numbers (N,).
    """
    rows = (np.flatnonzero(labels == label) for label in range(classes))
    return np.concatenate([chance.choice(those, count, replace=False) for those in rows])


def random_generator(seed: int, purpose: str, step: int) -> np.random.Generator:
    """Return a random generator for a purpose and a step.

    Philox is counter-based: each (seed, purpose, step) has its own stream, so that random numbers
    need no state but the step.
    """
    stream = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8])
    key = np.array([seed, stream], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, step, 0]))
