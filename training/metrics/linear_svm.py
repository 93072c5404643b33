"""A linear L2-SVM on features that do not fit into memory (sections 5.1 and 5.2 of the paper).

scikit-learn's LinearSVC (liblinear) wants all rows in memory in double precision: 11 GB and more
for CIFAR-10. This minimises the same function, over all classes at once, by L-BFGS, which needs one
pass over the rows a step:

    |w|^2 / 2 + C sum_i max(0, 1 - y_i (w x_i + b))^2     for each class against all others,

with b penalised as one more weight, as liblinear does (its `intercept_scaling` is 1). Rows that are
fewer than their features are first written in axes that they span: the same function of fewer
numbers, as w gains nothing by what is at right angles to all rows.

The function is steep along what all rows share and flat elsewhere, which makes L-BFGS slow; along
the directions that some of the rows are longest in, it steps in units of the curvature there
(preconditioning). For 8,000 of CIFAR-10's rows that took 39 steps instead of 238 at C 1e-4, and 126
at 1e-3, where it had not arrived after 500.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor

NUMBERS_IN_MEMORY = 2**20
"""Read at a time: so few stay in a processor's cache, which doubles the speed."""
COLUMNS = 2048
"""Read at a time, of all rows."""
PRECONDITIONER_ROWS, PRECONDITIONER_DIRECTIONS = 2000, 500
"""Rows that the steep directions are found from, and how many are kept."""
RIDGE = 1e-5
"""Added to the rows' squared lengths, as a share of their mean: repeated rows span no more axes."""


@dataclass(frozen=True)
class LinearSVM:
    """weights (classes, features) and intercepts (classes,) float32; value: of the function."""

    weights: np.ndarray
    intercepts: np.ndarray
    value: float
    steps: int

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """(N, features) -> (N, classes)."""
        weights, intercepts = torch.from_numpy(self.weights), torch.from_numpy(self.intercepts)
        return torch.cat([part @ weights.T + intercepts for part in _parts(rows)]).numpy()

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """(N, features) -> classes (N,)."""
        return self.scores(rows).argmax(axis=1)


@dataclass(frozen=True)
class LabelledFeatures:
    """Features (N, length), also a map of a file, and labels (N,), all classes among them."""

    features: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: np.ndarray | slice) -> LabelledFeatures:
        """Some of them, in memory; of a slice as much as is read."""
        return LabelledFeatures(self.features[rows], self.labels[rows])

    def fit(self, c: float, start: LinearSVM | None = None) -> LinearSVM:
        """As `fit_svm`; of few rows every C but the first takes a fraction of its time."""
        classes = int(self.labels.max()) + 1
        if len(self.labels) >= self.features.shape[1]:
            return fit_svm(self.features, self.labels, c, classes=classes, start=start)
        if start is not None:
            inner = torch.from_numpy(start.scores(self.features) - start.intercepts).double()
            turned = torch.linalg.solve_triangular(self._axes, inner, upper=False)
            start = replace(start, weights=turned.T.float().numpy())
        found = fit_svm(self._axes.float().numpy(), self.labels, c, classes=classes, start=start)
        turned = torch.from_numpy(found.weights.T).double()
        pull = torch.linalg.solve_triangular(self._axes.T, turned, upper=True).float()
        weights = torch.zeros(found.weights.shape[0], self.features.shape[1])
        pulls = pull.split(_together(self.features))
        for part, of_part in zip(_parts(self.features), pulls, strict=True):
            weights.addmm_(of_part.T, part)
        return replace(found, weights=weights.numpy())

    @cached_property
    def _axes(self) -> Tensor:
        """(N, N) lower triangular, float64: rows with the same inner products as the features."""
        products = torch.zeros(len(self.labels), len(self.labels))
        for first in range(0, self.features.shape[1], COLUMNS):
            part = torch.tensor(self.features[:, first : first + COLUMNS], dtype=torch.float32)
            products.addmm_(part, part.T)
        lengths = products.diagonal()
        lengths += RIDGE * lengths.mean()
        return torch.linalg.cholesky(products.double())

    def accuracy(self, fitted: LinearSVM) -> float:
        return round(float((fitted.predict(self.features) == self.labels).mean()), 4)


def choose_c(cs: Sequence[float], accuracy: Callable[[float], float]) -> tuple[float, float]:
    """Of rising C's that of the highest accuracy, with it.

    The first fall ends the search: accuracy rises to one peak, and fits beyond it are the slowest.
    """
    best = cs[0], accuracy(cs[0])
    for c in cs[1:]:
        found = accuracy(c)
        if found < best[1]:
            break
        best = c, found
    return best


def fit_svm(
    rows: np.ndarray,
    labels: np.ndarray,
    c: float,
    *,
    classes: int,
    start: LinearSVM | None = None,
    steps: int = 500,
    tolerance: float = 1e-5,
    progress: Callable[[int, float], None] = lambda step, value: None,
) -> LinearSVM:
    """rows (N, features) of any float type, also a map of a file; labels (N,) 0 to classes - 1.

    start: where to begin, as the solution of a smaller C. It ends when a step gains less than
    `tolerance` of the function's value, relative to it. progress: called after each step.
    """
    wanted = torch.from_numpy(np.where(labels[:, None] == np.arange(classes), 1, -1)).float()
    preconditioner = _Preconditioner.of(rows, c)
    first = torch.zeros(classes, rows.shape[1] + 1)
    if start is not None:
        first = torch.from_numpy(np.column_stack([start.weights, start.intercepts]))
    step = 0

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        # The squared hinge has a continuous gradient, so a quasi-Newton method may be used (Chang,
        # Hsieh and Lin 2008). A pass over the rows, part by part, gives value and gradient: memory
        # holds one part, and all one-against-rest classes share the product that a pass costs.
        weights = preconditioner.apply(torch.from_numpy(flat).view(first.shape).float())
        value, slope = 0.5 * float(weights.double().square().sum()), weights.clone()
        for part, y in zip(_parts(rows), wanted.split(_together(rows)), strict=True):
            short = (1 - y * (part @ weights[:, :-1].T + weights[:, -1])).clamp_(min=0)
            value += c * float(short.double().square().sum())
            pull = -2 * c * (short * y).T
            slope[:, :-1].addmm_(pull, part)
            slope[:, -1] += pull.sum(dim=1)
        return value, preconditioner.apply(slope).double().flatten().numpy()

    def after(intermediate_result: OptimizeResult) -> None:  # scipy looks for this very name
        nonlocal step
        step += 1
        progress(step, float(intermediate_result.fun))

    # Features of neighbouring places are so correlated that L-BFGS alone takes hundreds of passes.
    # It works in coordinates in which the curvature is near 1 (_Preconditioner).
    found = minimize(
        value_and_slope,
        preconditioner.invert(first).double().flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        callback=after,
        options={"maxiter": steps, "ftol": tolerance, "gtol": 0.0, "maxcor": 20},
    )
    weights = preconditioner.apply(torch.from_numpy(found.x).view(first.shape).float()).numpy()
    return LinearSVM(weights[:, :-1], weights[:, -1], float(found.fun), int(found.nit))


@dataclass(frozen=True)
class _Preconditioner:
    """directions (K, features + 1), orthonormal, and the square roots of the function's curvature
    along them (K,), were all rows within the margin."""

    directions: Tensor
    curvature: Tensor

    @classmethod
    def of(cls, rows: np.ndarray, c: float) -> _Preconditioner:
        """By some rows, evenly spread: as if all were like them."""
        some = torch.tensor(rows[:: -(-len(rows) // PRECONDITIONER_ROWS)], dtype=torch.float32)
        some = torch.cat([some, torch.ones(len(some), 1)], dim=1)
        # The eigenvectors of the Gram matrix of a few rows give the right singular vectors of the
        # features at the cost of rows cubed, where their covariance would cost features cubed.
        squares, ways = torch.linalg.eigh((some @ some.T).double())
        kept = squares > RIDGE * squares.mean()
        squares, ways = (
            squares[kept][-PRECONDITIONER_DIRECTIONS:],
            ways[:, kept][:, -PRECONDITIONER_DIRECTIONS:],
        )
        directions = (ways / squares.sqrt()).T.float() @ some
        # The Hessian of a row within the margin is 2 C x x^T, and the regularisation adds the
        # identity.
        return cls(directions, (1 + 2 * c * squares * len(rows) / len(some)).sqrt().float())

    def apply(self, weights: Tensor) -> Tensor:
        """(classes, features + 1): what one unit of curvature is a unit of, as weights."""
        return (
            weights + ((weights @ self.directions.T) * (1 / self.curvature - 1)) @ self.directions
        )

    def invert(self, weights: Tensor) -> Tensor:
        """The inverse of `apply`."""
        return weights + ((weights @ self.directions.T) * (self.curvature - 1)) @ self.directions


def _parts(rows: np.ndarray) -> Iterator[Tensor]:
    for start in range(0, len(rows), _together(rows)):
        yield torch.tensor(rows[start : start + _together(rows)], dtype=torch.float32)


def _together(rows: np.ndarray) -> int:
    return max(1, NUMBERS_IN_MEMORY // rows.shape[1])
