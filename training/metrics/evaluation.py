"""Evaluation of generators by distances between their samples and held-out images."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from dcgan.models.networks import Generator
from training.data.datasets import to_channels_last
from training.data.readers import DataError
from training.metrics.distances import (
    EfficientNetFeatures,
    FeatureExtractor,
    frechet_distance,
    kernel_distance,
    precision_and_recall,
)
from training.metrics.nearest_neighbours import feature_distances, probability_nearer

COMPARED_IMAGES, MIN_HELD_OUT = 2000, 500
"""Default number of images on either side of a comparison, and fewest held-out images allowed."""
SAMPLE_SEED = 1
"""Seed of the samples that are compared; sample grids use seed 0."""
BATCH_SIZE = 128


class Evaluator:
    """Compares `count` samples of a generator with the first `count` held-out images."""

    def __init__(
        self,
        held_out: np.ndarray,
        trained: np.ndarray | None = None,
        *,
        count: int | None = None,
        features: FeatureExtractor | None = None,
    ) -> None:
        """Compute the features of the real images.

        held_out: (N, C, H, W) uint8. trained: training images (M, C, H, W) uint8 in which to look
        for copies. count: default COMPARED_IMAGES, at most N. features: default
        EfficientNetFeatures. Raises DataError for fewer than MIN_HELD_OUT held-out images.
        """
        if len(held_out) < MIN_HELD_OUT:
            raise DataError(
                f"a kernel distance takes {MIN_HELD_OUT:,} held-out pictures, but there are only "
                f"{len(held_out):,}: give a larger set (one picture in twelve is held out)"
            )
        self.count = min(count or COMPARED_IMAGES, len(held_out))
        self.features = features or EfficientNetFeatures()
        self._real: Tensor = self.features(to_channels_last(held_out[: self.count]))
        if trained is not None:
            trained = trained[:: max(1, len(trained) // COMPARED_IMAGES)][:COMPARED_IMAGES]
        self._trained = None if trained is None else self.features(to_channels_last(trained))

    def __call__(self, generator: Generator, batch_size: int = BATCH_SIZE) -> float:
        """Return the KID of a generator's samples."""
        return kernel_distance(self._sample_features(generator, batch_size), self._real)

    def figures(self, generator: Generator, batch_size: int = BATCH_SIZE) -> dict[str, Any]:
        """Return all metrics of a generator: kid, frechet, precision, recall, n and `nearer`.

        `nearer`, present if there are training images, is the probability that a sample is nearer
        to the closest of COMPARED_IMAGES training images, spread evenly over the data set, than a
        held-out image is. It is 0.5 without memorisation and 1 if G copies.
        """
        drawn = self._sample_features(generator, batch_size)
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
            found["nearer"] = round(probability_nearer(ours, theirs), 4)
        return found

    def _sample_features(self, generator: Generator, batch_size: int) -> Tensor:
        return self.features(generator.sample(self.count, SAMPLE_SEED, batch_size))
