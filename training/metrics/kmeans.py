"""One layer of K-means, a baseline of the CIFAR-10 table ("1-layer K-means").

Coates, Lee and Ng (2011): random 6x6 patches, normalised for contrast and whitened (ZCA), are
clustered; then every patch of a picture answers to each centroid by how much nearer it is than to
the centroids on average ("triangle"), and the answers are summed over the picture's quadrants and
standardised. They report 79.6% from 4,000 centroids, the paper's table 80.6% from 4,800.

The centroids are those of scikit-learn's MiniBatchKMeans. The spherical K-means of Coates and Ng's
later guide would be a second implementation of what a library does here, which also gives empty
clusters new members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.data.sampler import random_generator

PATCH_SIDE = 6
PATCHES = 400_000
ROWS_PER_BATCH = 2048
"""Features standardised at a time."""
CLUSTERING_PASSES, PATCHES_PER_PASS = 10, 10_000
"""Times through the patches, and patches a step."""
CONTRAST_EPSILON, WHITENING_EPSILON, STANDARDISE_EPSILON = 10.0, 0.1, 0.01
"""Added to variances, of grey levels of 255, before dividing by them: the authors' values."""


@dataclass(frozen=True)
class KMeansLayer:
    """mean (P,), whitening (P, P) and centroids (K, P) float32 of patches of P numbers."""

    mean: Tensor
    whitening: Tensor
    centroids: Tensor

    @property
    def length(self) -> int:
        """How many numbers a picture gives: K for each quadrant."""
        return 4 * len(self.centroids)

    def __call__(self, pictures: np.ndarray) -> Tensor:
        """(N, C, H, W) uint8 -> (N, `length`), ordered by quadrant, row by row, and centroid.

        The middle of an odd number of places belongs to the first of two quadrants.
        """
        return torch.stack([self._of_one(picture) for picture in torch.from_numpy(pictures)])

    def _of_one(self, picture: Tensor) -> Tensor:
        rows, columns = (size - PATCH_SIDE + 1 for size in picture.shape[1:])
        patches = self.whitened(F.unfold(picture[None].float(), PATCH_SIDE)[0].T)
        places = patches.view(rows, columns, -1)
        quadrants = [  # one at a time: its distances fit into a processor's cache
            self._sum_of_answers(part.flatten(0, 1))
            for half in places.split((rows + 1) // 2, 0)
            for part in half.split((columns + 1) // 2, 1)
        ]
        return torch.cat(quadrants)

    def _sum_of_answers(self, patches: Tensor) -> Tensor:
        distances = torch.cdist(patches, self.centroids)
        return (distances.mean(1, keepdim=True) - distances).relu_().sum(0)

    def whitened(self, patches: Tensor) -> Tensor:
        """(N, P) grey levels -> (N, P): normalised for contrast, then whitened."""
        return (_normalise_contrast(patches) - self.mean) @ self.whitening


def train_layer(pictures: np.ndarray, centroids: int, seed: int) -> KMeansLayer:
    """A layer for pictures (N, C, H, W) uint8, from patches at random places of random ones."""
    from sklearn.cluster import MiniBatchKMeans

    chance = random_generator(seed, "patches", 0)
    windows = np.lib.stride_tricks.sliding_window_view(
        pictures, (PATCH_SIDE, PATCH_SIDE), axis=(2, 3)
    )
    count, _, rows, columns = windows.shape[:4]
    drawn = windows[
        chance.integers(count, size=PATCHES),
        :,
        chance.integers(rows, size=PATCHES),
        chance.integers(columns, size=PATCHES),
    ]
    found = _normalise_contrast(torch.from_numpy(drawn.reshape(PATCHES, -1).astype(np.float32)))
    values, axes = torch.linalg.eigh(found.T.cov().double())
    whitening = ((axes / (values + WHITENING_EPSILON).sqrt()) @ axes.T).float()
    layer = KMeansLayer(found.mean(0), whitening, torch.empty(0))
    clustered = MiniBatchKMeans(
        centroids,
        init="random",  # no worse here than k-means++, which takes minutes for thousands
        batch_size=min(PATCHES_PER_PASS, PATCHES),
        max_iter=CLUSTERING_PASSES,
        max_no_improvement=40,  # steps without, about once through the patches: it ends earlier
        random_state=seed,
    ).fit(((found - layer.mean) @ whitening).numpy())
    return KMeansLayer(layer.mean, whitening, torch.from_numpy(clustered.cluster_centers_))


def standardise(files: Sequence[Path]) -> list[np.ndarray]:
    """Give .npy files of rows (N, length) the mean 0 and the variance 1 of the first, in place.

    Returns read-only maps of them.
    """
    from sklearn.preprocessing import StandardScaler

    scale, maps = StandardScaler(), [np.load(path, mmap_mode="r+") for path in files]
    for start in range(0, len(maps[0]), ROWS_PER_BATCH):
        scale.partial_fit(maps[0][start : start + ROWS_PER_BATCH].astype(np.float32))
    mean = np.asarray(scale.mean_, np.float32)
    deviation = np.sqrt(np.asarray(scale.var_, np.float32) + STANDARDISE_EPSILON)
    for rows in maps:
        for start in range(0, len(rows), ROWS_PER_BATCH):
            part = rows[start : start + ROWS_PER_BATCH]
            part[...] = (part - mean) / deviation
    return [np.load(path, mmap_mode="r") for path in files]


def _normalise_contrast(patches: Tensor) -> Tensor:
    """(N, P): each patch's mean is 0, and its variance about 1 where there is something in it."""
    variance, mean = torch.var_mean(patches, dim=1, keepdim=True)
    return (patches - mean) / (variance + CONTRAST_EPSILON).sqrt()
