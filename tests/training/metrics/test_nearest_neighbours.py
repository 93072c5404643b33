"""Nearest pictures, against distances computed by numpy alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.metrics import nearest_neighbours
from training.metrics.nearest_neighbours import (
    ImageSet,
    compare_to_training,
    feature_distances,
    find_nearest,
    pixel_distances,
)


def noise(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 3), np.uint8)


def pictures(count: int, seed: int) -> ImageSet:
    features = np.random.default_rng(seed).normal(size=(count, 10)).astype(np.float32)
    return ImageSet(noise(count, seed), torch.from_numpy(features))


def root_mean_square(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean((one.astype(float) - other.astype(float)) ** 2)))


def test_pixel_distances_equal_numpy_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_neighbours, "CHUNK", 7)
    some, others = noise(30, 0), noise(40, 1)
    expected = [
        [min(root_mean_square(a, b), root_mean_square(a, b[:, ::-1])) for b in others] for a in some
    ]
    np.testing.assert_allclose(pixel_distances(some, others), expected, rtol=1e-9)


def test_a_copy_and_a_mirrored_copy_are_no_distance_away() -> None:
    some, others = noise(30, 0), noise(40, 1)
    others[8], others[21] = some[3], some[5, :, ::-1]
    distances = pixel_distances(some, others)
    assert distances[3, 8] == pytest.approx(0, abs=1e-4)
    assert distances[5, 21] == pytest.approx(0, abs=1e-4)
    assert np.sort(distances, axis=None)[2] > 50


def test_feature_distances_equal_numpy() -> None:
    some, others = pictures(30, 0).features, pictures(40, 1).features
    expected = np.linalg.norm(some.numpy()[:, None] - others.numpy(), axis=-1)
    np.testing.assert_allclose(feature_distances(some, others), expected, rtol=1e-5)


def test_the_nearest_come_first_in_each_space() -> None:
    some, others = pictures(9, 0), pictures(40, 1)
    near = find_nearest(some, others)
    for space, distances in (
        ("features", feature_distances(some.features, others.features)),
        ("pixels", pixel_distances(some.pixels, others.pixels)),
    ):
        found = near[space]
        assert found.rows.shape == found.distances.shape == (9, 3)
        for row, all_of_them in enumerate(distances):
            assert found.distances[row].tolist() == sorted(all_of_them)[:3]
            assert all_of_them[found.rows[row]].tolist() == found.distances[row].tolist()


def test_the_figure_shows_each_picture_beside_its_nearest() -> None:
    """Even pictures of grey level n, whose feature is 255 - n: far in one space, near in both."""

    def even(*levels: int) -> ImageSet:
        pixels = np.array(levels, np.uint8)[:, None, None, None] + np.zeros((1, 6, 6, 3), np.uint8)
        return ImageSet(pixels, torch.tensor([[255.0 - level] for level in levels]))

    trained = even(10, 40, 90, 160, 200)
    found = compare_to_training(even(95, 11), even(201, 50), trained)
    sheet = found.figure(rows=2)
    tile = 64 // 6 * 6  # enlarged in whole pixels
    lines = []
    for y in range(len(sheet)):
        line = sheet[y, :, 0]
        runs = np.split(line, np.flatnonzero(np.diff(line.astype(int))) + 1)
        lines.append([int(run[0]) for run in runs if len(run) == tile and run[0] < 255])
    shown = {tuple(line) for line in lines if len(line) == 14}
    one, two = [90, 40, 160], [10, 40, 90]
    other, another = [200, 160, 90], [40, 10, 90]
    assert shown == {
        (95, *one, *one, 201, *other, *other),
        (11, *two, *two, 50, *another, *another),
    }
    assert [len(line) for line in lines].count(14) == 2 * tile
