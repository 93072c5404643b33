"""Linear L2-SVM on features that do not fit into memory (sections 5.1 and 5.2 of the paper).

scikit-learn's LinearSVC (liblinear) needs all rows in memory in double precision, 11 GB and more
for CIFAR-10. This module minimises the same objective for all classes at once by L-BFGS, with one
pass over the rows per step:

    |w|^2 / 2 + C sum_i max(0, 1 - y_i (w x_i + b))^2     for each class against all others

The intercept b is penalised like a weight, as in liblinear (with `intercept_scaling` 1). If there
are fewer rows than features, the rows are first expressed in an orthonormal basis of their span:
the optimal w lies in that span, so that the problem is the same with fewer variables.

The objective is steep along the directions that all rows share and flat elsewhere, which makes
L-BFGS slow. It is therefore preconditioned by the curvature along the leading directions of a
subset of the rows. For 8,000 rows of CIFAR-10 this took 39 steps instead of 238 at C = 1e-4, and
126 steps at 1e-3, where the plain method had not converged after 500.
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
"""Number of values read at a time; they fit into the processor's cache, which doubles the speed."""
COLUMNS = 2048
"""Number of columns read at a time for the Gram matrix."""
PRECONDITIONER_ROWS, PRECONDITIONER_DIRECTIONS = 2000, 500
"""Number of rows from which the preconditioner is computed, and of directions that it keeps."""
RIDGE = 1e-5
"""Ridge added to a Gram matrix, relative to its mean diagonal, and relative threshold of its
eigenvalues; repeated rows make it singular."""


@dataclass(frozen=True)
class LinearSVM:
    """A fitted classifier: weights (classes, features) and intercepts (classes,) float32.

    value: minimum of the objective. steps: number of L-BFGS steps.
    """

    weights: np.ndarray
    intercepts: np.ndarray
    value: float
    steps: int

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return the decision values of rows: (N, features) -> (N, classes)."""
        weights, intercepts = torch.from_numpy(self.weights), torch.from_numpy(self.intercepts)
        return torch.cat([part @ weights.T + intercepts for part in _parts(rows)]).numpy()

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the predicted classes of rows: (N, features) -> (N,)."""
        return self.scores(rows).argmax(axis=1)


@dataclass(frozen=True)
class LabelledFeatures:
    """Features (N, length), possibly memory-mapped, and labels (N,) that include all classes."""

    features: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: np.ndarray | slice) -> LabelledFeatures:
        """Return a subset; index arrays copy it into memory, slices do not."""
        return LabelledFeatures(self.features[rows], self.labels[rows])

    def fit(self, c: float, start: LinearSVM | None = None) -> LinearSVM:
        """Fit an SVM as `fit_svm` does.

        With fewer rows than features it is fitted in the span of the rows, whose basis is cached:
        further values of C take a fraction of the first one's time.
        """
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
        """Cholesky factor (N, N) float64 of the Gram matrix.

        Its rows have the same inner products as the features.
        """
        products = torch.zeros(len(self.labels), len(self.labels))
        for first in range(0, self.features.shape[1], COLUMNS):
            part = torch.tensor(self.features[:, first : first + COLUMNS], dtype=torch.float32)
            products.addmm_(part, part.T)
        lengths = products.diagonal()
        lengths += RIDGE * lengths.mean()
        return torch.linalg.cholesky(products.double())

    def accuracy(self, fitted: LinearSVM) -> float:
        """Return a classifier's accuracy on these rows."""
        return round(float((fitted.predict(self.features) == self.labels).mean()), 4)


def choose_c(cs: Sequence[float], accuracy: Callable[[float], float]) -> tuple[float, float]:
    """Return the C of highest validation accuracy, and that accuracy. cs: in ascending order.

    The search ends at the first decrease: accuracy has a single peak, and larger C fit slowest.
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
    """Fit a one-against-rest L2-SVM.

    rows: (N, features) of any float type, possibly memory-mapped. labels: (N,) of 0 to classes - 1.
    start: initial solution, such as that of a smaller C. steps: maximum number of steps. tolerance:
    relative decrease of the objective below which the fit ends. progress: called after each step
    with its number and the objective.
    """
    wanted = torch.from_numpy(np.where(labels[:, None] == np.arange(classes), 1, -1)).float()
    preconditioner = _Preconditioner.of(rows, c)
    first = torch.zeros(classes, rows.shape[1] + 1)
    if start is not None:
        first = torch.from_numpy(np.column_stack([start.weights, start.intercepts]))
    step = 0

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        # The squared hinge has a continuous gradient, so that a quasi-Newton method applies (Chang,
        # Hsieh and Lin 2008). One pass over the rows gives value and gradient of all one-against-
        # rest classes; memory holds one part of the rows at a time.
        weights = preconditioner.apply(torch.from_numpy(flat).view(first.shape).float())
        value, slope = 0.5 * float(weights.double().square().sum()), weights.clone()
        for part, y in zip(_parts(rows), wanted.split(_together(rows)), strict=True):
            short = (1 - y * (part @ weights[:, :-1].T + weights[:, -1])).clamp_(min=0)
            value += c * float(short.double().square().sum())
            pull = -2 * c * (short * y).T
            slope[:, :-1].addmm_(pull, part)
            slope[:, -1] += pull.sum(dim=1)
        return value, preconditioner.apply(slope).double().flatten().numpy()

    def after(intermediate_result: OptimizeResult) -> None:  # scipy requires this parameter name
        nonlocal step
        step += 1
        progress(step, float(intermediate_result.fun))

    # Features of neighbouring positions are so correlated that plain L-BFGS takes hundreds of
    # passes. It works in coordinates in which the curvature is near 1 (_Preconditioner).
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
    """Linear change of variables that makes the curvature of the objective nearly uniform.

    directions: orthonormal, (K, features + 1). curvature: square root of the objective's curvature
    along them (K,), assuming that all rows are within the margin.
    """

    directions: Tensor
    curvature: Tensor

    @classmethod
    def of(cls, rows: np.ndarray, c: float) -> _Preconditioner:
        """Compute the preconditioner from evenly spaced rows, which stand for all rows."""
        some = torch.tensor(rows[:: -(-len(rows) // PRECONDITIONER_ROWS)], dtype=torch.float32)
        some = torch.cat([some, torch.ones(len(some), 1)], dim=1)
        # The eigenvectors of the Gram matrix of few rows give the right singular vectors of the
        # features at a cost of rows cubed; their covariance would cost features cubed.
        squares, ways = torch.linalg.eigh((some @ some.T).double())
        kept = squares > RIDGE * squares.mean()
        squares, ways = (
            squares[kept][-PRECONDITIONER_DIRECTIONS:],
            ways[:, kept][:, -PRECONDITIONER_DIRECTIONS:],
        )
        directions = (ways / squares.sqrt()).T.float() @ some
        # The Hessian of a row x within the margin is 2 C x x^T; the regularisation adds the
        # identity.
        return cls(directions, (1 + 2 * c * squares * len(rows) / len(some)).sqrt().float())

    def apply(self, weights: Tensor) -> Tensor:
        """Map preconditioned variables to weights (classes, features + 1)."""
        return (
            weights + ((weights @ self.directions.T) * (1 / self.curvature - 1)) @ self.directions
        )

    def invert(self, weights: Tensor) -> Tensor:
        """Map weights to preconditioned variables; the inverse of `apply`."""
        return weights + ((weights @ self.directions.T) * (self.curvature - 1)) @ self.directions


def _parts(rows: np.ndarray) -> Iterator[Tensor]:
    for start in range(0, len(rows), _together(rows)):
        yield torch.tensor(rows[start : start + _together(rows)], dtype=torch.float32)


def _together(rows: np.ndarray) -> int:
    return max(1, NUMBERS_IN_MEMORY // rows.shape[1])
