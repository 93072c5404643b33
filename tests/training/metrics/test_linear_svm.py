"""The streamed L2-SVM against scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from training.metrics import linear_svm

CLASSES, COUNT, WIDTH = 10, 4000, 200


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """A map of a float16 file, (COUNT, WIDTH), and labels that it half tells."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, COUNT)
    rows = random.normal(size=(COUNT, WIDTH)) + 0.3 * random.normal(size=(CLASSES, WIDTH))[labels]
    file: Path = tmp_path_factory.mktemp("svm") / "rows.npy"
    np.save(file, (rows + 0.5).astype(np.float16))  # the intercept has something to do
    return np.load(file, mmap_mode="r"), labels


def value(
    rows: np.ndarray, labels: np.ndarray, c: float, weights: np.ndarray, intercepts: np.ndarray
) -> float:
    """What liblinear minimises, in double precision."""
    wanted = np.where(labels[:, None] == np.arange(CLASSES), 1, -1)
    short = np.maximum(1 - wanted * (rows.astype(float) @ weights.T + intercepts), 0)
    return 0.5 * (weights**2).sum() + 0.5 * (intercepts**2).sum() + c * (short**2).sum()


@pytest.mark.parametrize("c", [1e-4, 1e-2])
def test_it_reaches_the_optimum_of_liblinear(data: tuple[np.ndarray, np.ndarray], c: float) -> None:
    rows, labels = data
    theirs = LinearSVC(C=c, dual="auto", tol=1e-6, max_iter=5000).fit(rows.astype(float), labels)
    assert isinstance(theirs.intercept_, np.ndarray)
    best = value(rows, labels, c, theirs.coef_, theirs.intercept_)
    steps: list[int] = []
    ours = linear_svm.fit_svm(
        rows, labels, c, classes=CLASSES, progress=lambda step, _: steps.append(step)
    )
    weights, intercepts = ours.weights.astype(float), ours.intercepts.astype(float)
    assert value(rows, labels, c, weights, intercepts) == pytest.approx(ours.value, rel=1e-5)
    assert best * (1 - 1e-6) <= ours.value <= best * (1 + 1e-3)
    assert (ours.predict(rows) == theirs.predict(rows.astype(float))).mean() > 0.995
    assert steps == list(range(1, ours.steps + 1))


def test_it_starts_from_another_solution(data: tuple[np.ndarray, np.ndarray]) -> None:
    rows, labels = data
    first = linear_svm.fit_svm(rows, labels, 1e-3, classes=CLASSES)
    again = linear_svm.fit_svm(rows, labels, 1e-3, classes=CLASSES, start=first)
    assert again.steps <= 2 < first.steps
    assert again.value <= first.value


@pytest.mark.parametrize(("count", "width"), [(2500, 200), (300, 600)])
def test_what_all_rows_share_does_not_slow_it_down(
    count: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(2)
    labels = np.arange(count) % CLASSES
    lengths = np.logspace(1.5, -1, width)  # as of real features: a few directions are most of them
    told = random.normal(size=(CLASSES, width))[labels]
    rows = ((random.normal(size=(count, width)) + 0.5 * told) * lengths + 5).astype(np.float16)
    found = linear_svm.LabelledFeatures(rows, labels).fit(1e-4)
    monkeypatch.setattr(linear_svm, "PRECONDITIONER_DIRECTIONS", 1)
    slow = linear_svm.LabelledFeatures(rows, labels).fit(1e-4)
    assert found.steps < slow.steps / 3
    assert found.value < slow.value * 1.001


def test_two_classes_and_a_part_of_the_rows_will_do(data: tuple[np.ndarray, np.ndarray]) -> None:
    rows, labels = data
    chosen = np.flatnonzero(labels < 2)
    found = linear_svm.fit_svm(rows[chosen], labels[chosen], 1e-3, classes=2)
    assert found.scores(rows[chosen]).shape == (len(chosen), 2)
    assert (found.predict(rows[chosen]) == labels[chosen]).mean() > 0.9


def test_fewer_rows_than_features_reach_it_too_also_where_some_are_repeated() -> None:
    random = np.random.default_rng(1)
    labels = np.arange(120) % CLASSES
    rows = random.normal(size=(120, 500)) + 0.5 * random.normal(size=(CLASSES, 500))[labels]
    rows[20:30] = rows[:10]
    part = linear_svm.LabelledFeatures(rows.astype(np.float16), labels)
    start = None
    for c in (1e-4, 1e-2):
        theirs = LinearSVC(C=c, dual="auto", tol=1e-6, max_iter=9000).fit(rows, labels)
        assert isinstance(theirs.intercept_, np.ndarray)
        best = value(rows, labels, c, theirs.coef_, theirs.intercept_)
        for begun in (None, start):
            ours = part.fit(c, begun)
            weights, intercepts = ours.weights.astype(float), ours.intercepts.astype(float)
            reached = value(part.features, labels, c, weights, intercepts)
            assert reached == pytest.approx(ours.value, rel=1e-3)
            assert best * (1 - 1e-3) <= reached <= best * (1 + 2e-3)
            start = ours
    assert part.fit(1e-2, start).steps <= 3
