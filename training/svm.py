"""A linear L2-SVM on features that do not fit into memory (sections 5.1 and 5.2 of the paper).

scikit-learn's LinearSVC (liblinear) wants all rows in memory in double precision: 11 GB and more
for CIFAR-10. This minimises the same function, over all classes at once, by L-BFGS, which needs one
pass over the rows a step:

    |w|^2 / 2 + C sum_i max(0, 1 - y_i (w x_i + b))^2     for each class against all others,

with b penalised as one more weight, as liblinear does (its `intercept_scaling` is 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize

ROWS = 2048
"""Read at a time."""


@dataclass(frozen=True)
class LinearSVM:
    """weights (classes, features) and intercepts (classes,) float32; value: of the function."""

    weights: np.ndarray
    intercepts: np.ndarray
    value: float
    steps: int

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """(N, features) -> (N, classes)."""
        return np.concatenate([part @ self.weights.T + self.intercepts for part in _parts(rows)])

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """(N, features) -> classes (N,)."""
        return self.scores(rows).argmax(axis=1)


def fit(
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
    wanted = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0).astype(np.float32)
    shape = classes, rows.shape[1] + 1
    first = np.zeros(shape, np.float32)
    if start is not None:
        first[:, :-1], first[:, -1] = start.weights, start.intercepts
    step = 0

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape).astype(np.float32)
        value, slope = 0.5 * float(flat @ flat), np.zeros(shape, np.float32)
        place = 0
        for part in _parts(rows):
            y = wanted[place : place + len(part)]
            short = np.maximum(1 - y * (part @ weights[:, :-1].T + weights[:, -1]), 0)
            value += c * float((short.astype(np.float64) ** 2).sum())
            pull = short * y
            slope[:, :-1] -= 2 * c * (pull.T @ part)
            slope[:, -1] -= 2 * c * pull.sum(axis=0)
            place += len(part)
        return value, flat + slope.ravel().astype(np.float64)

    def after(intermediate_result: OptimizeResult) -> None:  # scipy looks for this very name
        nonlocal step
        step += 1
        progress(step, float(intermediate_result.fun))

    found = minimize(
        value_and_slope,
        first.ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=after,
        options={"maxiter": steps, "ftol": tolerance, "gtol": 0.0, "maxcor": 20},
    )
    weights = found.x.reshape(shape).astype(np.float32)
    return LinearSVM(weights[:, :-1], weights[:, -1], float(found.fun), int(found.nit))


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), ROWS):
        yield np.asarray(rows[start : start + ROWS], np.float32)
