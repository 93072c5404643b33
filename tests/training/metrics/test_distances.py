"""Distances between sets: independent formulas, and what a distance must do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from tests.training import small
from training.metrics.distances import (
    EfficientNetFeatures,
    frechet_distance,
    kernel_distance,
    precision_and_recall,
)


def by_the_book(x: np.ndarray, y: np.ndarray) -> float:
    """Binkowski et al. 2018, section 2: the unbiased estimator, pair by pair."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    m, n = len(x), len(y)
    within_x = sum(kernel(a, b) for a, b in itertools.permutations(x, 2)) / (m * (m - 1))
    within_y = sum(kernel(a, b) for a, b in itertools.permutations(y, 2)) / (n * (n - 1))
    across = sum(kernel(a, b) for a, b in itertools.product(x, y)) / (m * n)
    return within_x + within_y - 2 * across


def draw(count: int, shift: float = 0.0, seed: int = 0, size: int = 16) -> torch.Tensor:
    features = np.random.default_rng(seed).standard_normal((count, size)) + shift
    return torch.from_numpy(features.astype(np.float32))


def test_equals_the_formula() -> None:
    x, y = draw(12), draw(12, 0.3, seed=1)
    expected = by_the_book(x.double().numpy(), y.double().numpy())
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-12)
    assert kernel_distance(y, x) == pytest.approx(expected, rel=1e-12)


def test_the_larger_side_is_cut_to_the_smaller() -> None:
    x, y = draw(30), draw(12, 0.3, seed=1)
    assert kernel_distance(x, y) == kernel_distance(x[:12], y)


def test_is_unbiased_for_one_distribution_and_grows_with_the_difference() -> None:
    same = [kernel_distance(draw(60, seed=2 * i), draw(60, seed=2 * i + 1)) for i in range(200)]
    assert min(same) < 0 < max(same)
    assert abs(np.mean(same)) < 3 * np.std(same) / 200**0.5
    far = [kernel_distance(draw(60, seed=1), draw(60, shift, seed=2)) for shift in (0.2, 0.5, 1.0)]
    assert max(same) < far[0] < far[1] < far[2]


def test_features_tell_pictures_apart() -> None:
    noise = small.pictures(52).transpose(0, 2, 3, 1)
    flat = np.repeat(noise.mean((1, 2), keepdims=True).astype(np.uint8), 16, 1).repeat(16, 2)
    features = EfficientNetFeatures()
    first, second = features(noise), features(flat)
    assert first.shape == (52, 1280)
    assert first.dtype == torch.float32
    assert torch.isfinite(first).all()
    torch.testing.assert_close(features(noise[50:]), first[50:], rtol=1e-4, atol=1e-5)
    one, other = first[:26], first[26:]
    assert abs(kernel_distance(one, other)) < 0.1 * kernel_distance(one, second)


def test_the_frechet_distance_equals_the_formula() -> None:
    x, y = draw(60), 1.4 * draw(80, 0.3, seed=1)
    one, other = (np.cov(side.double().numpy(), rowvar=False) for side in (x, y))
    means = (x.double().mean(0) - y.double().mean(0)).square().sum()
    expected = float(means) + np.trace(one + other - 2 * np.real(sqrtm(one @ other)))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-5)


def test_of_fewer_pictures_than_numbers_the_frechet_distance_is_still_one() -> None:
    few, shifted = draw(10), draw(10) + 2
    assert frechet_distance(few, shifted) == pytest.approx(4 * 16, rel=1e-4)


def test_precision_falls_with_what_looks_like_nothing_recall_with_what_is_never_drawn() -> None:
    real = torch.tensor([[0.0], [1], [2], [3], [100], [101], [102], [103]])  # each reaches 2 or 3
    drawn = torch.tensor([[-3.1], [-2.9], [1.5], [2.5], [3.5], [50]])
    precision, recall = precision_and_recall(drawn, real)
    assert precision == 4 / 6  # not -3.1, not 50
    assert recall == 4 / 8
    assert precision_and_recall(real, real) == (1, 1)


def test_precision_and_recall_of_one_distribution_are_high_and_far_from_it_none() -> None:
    real, alike = draw(400, size=4), draw(400, size=4, seed=1)
    assert min(precision_and_recall(alike, real)) > 0.9
    assert precision_and_recall(draw(400, 20, size=4, seed=2), real) == (0, 0)
