"""Draws of a model laid out as a map: a square in which neighbours are alike to the discriminator.

Features of D (section 5.1; the pixels themselves where D is told a class) are reduced by principal
components, then laid out in the plane by t-SNE, or by two components alone, whichever brings
likelier neighbours together, and moved to the cells of a square by optimal assignment.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist

from dcgan.analysis.features import extract_features
from dcgan.models.exemplars import LatentMap
from dcgan.rendering.engine import Model

SEED = 1
MAP_SIDE = 20
PCA_COMPONENTS = 50


def make_latent_map(model: Model, side: int = MAP_SIDE) -> tuple[LatentMap, dict[str, float]]:
    """The map of the first side * side draws of SEED, and what the ways to lay it out are worth:
    the mean distance of neighbours' features, as a part of that of any two draws."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    specs = [model.sample(SEED, index) for index in range(side * side)]
    reduced = PCA(PCA_COMPONENTS, random_state=0).fit_transform(
        _layout_features(model, model.render(specs))
    )
    layouts = {
        "pca": reduced[:, :2],
        "tsne": TSNE(init="pca", perplexity=15, random_state=0).fit_transform(reduced),
    }
    cells = {name: assign_to_cells(places, side) for name, places in layouts.items()}
    nearness = {name: neighbour_distance(reduced, cell) for name, cell in cells.items()}
    best = cells[min(nearness, key=lambda name: nearness[name])]
    return {"seed": SEED, "draws": best.tolist()}, nearness


def assign_to_cells(places: np.ndarray, side: int) -> np.ndarray:
    """(N, 2) places -> (side, side): which of them is put in which cell, moved as little as can be.

    Places count by their ranks, so that crowds spread.
    """
    ranks = places.argsort(axis=0).argsort(axis=0) / (len(places) - 1)
    row, column = np.divmod(np.arange(side * side), side)
    centres = np.stack([column, row], axis=1) / (side - 1)
    _, cell_of = linear_sum_assignment(cdist(ranks, centres, "sqeuclidean"))
    found = np.empty(side * side, np.int64)
    found[cell_of] = np.arange(len(places))
    return found.reshape(side, side)


def neighbour_distance(found: np.ndarray, cells: np.ndarray) -> float:
    """Mean distance of what lies side by side, as a part of the mean distance of any two."""
    across = np.linalg.norm(found[cells[:, 1:]] - found[cells[:, :-1]], axis=-1)
    down = np.linalg.norm(found[cells[1:]] - found[cells[:-1]], axis=-1)
    return float(np.concatenate([across.ravel(), down.ravel()]).mean() / pdist(found).mean())


def _layout_features(model: Model, pictures: np.ndarray) -> np.ndarray:
    """(N, ...) numbers of pictures, by which they are alike or not."""
    if model.config.classes:
        return pictures[..., 0].reshape(len(pictures), -1) / 255.0
    colours = pictures.transpose(0, 3, 1, 2)[:, : model.config.channels]
    discriminator = model.checkpoint.discriminator()
    batches = np.array_split(np.ascontiguousarray(colours), max(len(colours) // 50, 1))
    return np.concatenate(
        [extract_features(discriminator, batch).detach().numpy() for batch in batches]
    )
