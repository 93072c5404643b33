"""One layer of K-means, against the same written out patch by patch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training import small
from training.metrics import kmeans


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kmeans, "PATCHES", 1000)


def test_features_are_sums_of_triangles_over_quadrants(few: None) -> None:
    pictures = small.pictures(3, size=10)
    layer = kmeans.train_layer(pictures, 7, seed=0)
    mean, whitening, centroids = (
        tensor.numpy().astype(np.float64)
        for tensor in (layer.mean, layer.whitening, layer.centroids)
    )
    expected = np.zeros((3, 2, 2, 7))
    for number, picture in enumerate(pictures.astype(np.float64)):
        for row in range(5):
            for column in range(5):
                patch = picture[:, row : row + 6, column : column + 6].ravel()
                patch = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 10)
                z = np.linalg.norm((patch - mean) @ whitening - centroids, axis=1)
                expected[number, row // 3, column // 3] += np.maximum(z.mean() - z, 0)
    found = layer(pictures).numpy()
    assert found.shape == (3, layer.length)
    np.testing.assert_allclose(found, expected.reshape(3, -1), rtol=1e-4, atol=1e-3)


def test_what_is_learned_whitens_patches_and_depends_on_the_seed_alone(few: None) -> None:
    blurred = small.pictures(40, size=16).astype(np.float32)
    blurred = (blurred + np.roll(blurred, 1, 3) + np.roll(blurred, 1, 2)) / 3
    pictures = blurred.astype(np.uint8)
    layer = kmeans.train_layer(pictures, 9, seed=1)
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (6, 6), axis=(2, 3))
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 3 * 36).astype(np.float32)
    raw = (patches - patches.mean(1, keepdims=True)) / patches.std(1, keepdims=True)
    before = np.linalg.eigvalsh(np.cov(raw.T))
    after = np.linalg.eigvalsh(np.cov(layer.whitened(torch.from_numpy(patches)).numpy().T))
    assert before[-1] / before[len(before) // 2] > 4
    assert after[-1] / after[len(after) // 2] < 2
    assert layer.centroids.shape == (9, 108)
    assert torch.equal(kmeans.train_layer(pictures, 9, seed=1).centroids, layer.centroids)
    assert not torch.equal(kmeans.train_layer(pictures, 9, seed=2).centroids, layer.centroids)


def test_all_rows_are_standardised_by_the_first_file_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kmeans, "ROWS_PER_BATCH", 32)  # so that it takes several parts
    random = np.random.default_rng(0)
    first, second = (random.normal([3, -5, 0], [1, 20, 0], (n, 3)) for n in (100, 40))
    files = [tmp_path / "first.npy", tmp_path / "second.npy"]
    for file, rows in zip(files, (first, second), strict=True):
        np.save(file, rows.astype(np.float16))
    for found, rows in zip(kmeans.standardise(files), (first, second), strict=True):
        expected = (rows - first.mean(0)) / np.sqrt(first.var(0) + 0.01)
        np.testing.assert_allclose(found, expected, atol=0.01)
        assert found.dtype == np.float16
        assert not found.flags.writeable
