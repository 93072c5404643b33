"""Latent map of a model: samples on a square grid whose neighbours are similar to D.

Features of D (section 5.1; pixels for a class-conditional D) are reduced by principal components
and projected to the plane by t-SNE or by the first two components, whichever puts more similar
samples side by side. An optimal assignment then moves the points to the cells of the grid.
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
    """Lay out the first side * side samples of SEED.

    Returns the map and the `neighbour_distance` of each layout method (pca, tsne).
    """
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
    """Assign points (N, 2) to the cells of a grid with the least total squared displacement.

    Returns the index of the point in each cell, (side, side). Coordinates are replaced by their
    ranks first, which spreads dense clusters.
    """
    ranks = places.argsort(axis=0).argsort(axis=0) / (len(places) - 1)
    row, column = np.divmod(np.arange(side * side), side)
    centres = np.stack([column, row], axis=1) / (side - 1)
    _, cell_of = linear_sum_assignment(cdist(ranks, centres, "sqeuclidean"))
    found = np.empty(side * side, np.int64)
    found[cell_of] = np.arange(len(places))
    return found.reshape(side, side)


def neighbour_distance(found: np.ndarray, cells: np.ndarray) -> float:
    """Return the mean feature distance of adjacent cells relative to that of all pairs."""
    across = np.linalg.norm(found[cells[:, 1:]] - found[cells[:, :-1]], axis=-1)
    down = np.linalg.norm(found[cells[1:]] - found[cells[:-1]], axis=-1)
    return float(np.concatenate([across.ravel(), down.ravel()]).mean() / pdist(found).mean())


def _layout_features(model: Model, pictures: np.ndarray) -> np.ndarray:
    """Return the features (N, d) by which the similarity of images is measured."""
    if model.config.classes:
        return pictures[..., 0].reshape(len(pictures), -1) / 255.0
    colours = pictures.transpose(0, 3, 1, 2)[:, : model.config.channels]
    discriminator = model.checkpoint.discriminator()
    batches = np.array_split(np.ascontiguousarray(colours), max(len(colours) // 50, 1))
    return np.concatenate(
        [extract_features(discriminator, batch).detach().numpy() for batch in batches]
    )
