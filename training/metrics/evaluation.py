"""What weights are worth: samples, their distances, the choice of a run's checkpoint."""

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
"""Pictures on either side of a kernel distance, and how few will do where less is held out."""
SAMPLE_SEED = 1
"""Of the samples compared; grids show seed 0."""
BATCH_SIZE = 128


class Evaluator:
    """Of generators' pictures from the first `count` held-out ones, `count` of either."""

    def __init__(
        self,
        held_out: np.ndarray,
        trained: np.ndarray | None = None,
        *,
        count: int | None = None,
        features: FeatureExtractor | None = None,
    ) -> None:
        """held_out, trained: (N, C, H, W) uint8, the latter to look for copies in. count: by
        default COMPARED_IMAGES. features: by default `Features`. Raises DataError where fewer than
        MIN_HELD_OUT are held out."""
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
        """KID."""
        return kernel_distance(self._sample_features(generator, batch_size), self._real)

    def figures(self, generator: Generator, batch_size: int = BATCH_SIZE) -> dict[str, Any]:
        """kid, frechet, precision, recall, n; and, where there are pictures to look in, `nearer`:
        the chance that a sample lies nearer to one of COMPARED_IMAGES training pictures, all over
        the set, than a held-out picture does. That is 0.5 where they are alike, 1 where G
        copies."""
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
