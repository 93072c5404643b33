"""Discriminator features: what they are made of, on which statistics, and how they are kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dcgan.analysis.features import (
    BATCH_SIZE,
    FeatureError,
    extract_features,
    feature_length,
    reestimate_statistics,
    write_features,
)
from dcgan.config import IMAGENET32, MNIST, SVHN
from dcgan.models.networks import Discriminator


def pictures(count: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 3, 32, 32), np.uint8)


@pytest.fixture(scope="module")
def network() -> Discriminator:
    torch.manual_seed(0)
    config = dataclasses.replace(SVHN, discriminator_widths=(4, 6, 8), norm_eps=1e-5)
    return Discriminator(config).eval()


def test_the_papers_numbers() -> None:
    assert feature_length(IMAGENET32) == 28_672
    assert feature_length(SVHN) == 7_168


def test_every_layer_is_pooled_to_four_by_four(network: Discriminator) -> None:
    with torch.no_grad():
        found = extract_features(network, pictures(3))
        h = torch.from_numpy(pictures(3)).float() / 127.5 - 1
        parts = []
        for convolution, norm in zip(network.convolutions, network.norms, strict=True):
            h = F.leaky_relu(norm(convolution(h)), 0.2)
            pooled = F.max_pool2d(h, h.shape[-1] // 4)
            assert pooled.shape[2:] == (4, 4)
            parts.append(pooled.reshape(3, -1))
    assert found.shape == (3, feature_length(network.config)) == (3, 16 * 18)
    torch.testing.assert_close(found, torch.cat(parts, 1), atol=1e-6, rtol=0)


def test_statistics_are_averages_of_batches(network: Discriminator) -> None:
    seen = pictures(2 * BATCH_SIZE + 10)
    found = reestimate_statistics(network, seen)
    assert not found.training
    norm = found.norms[1]
    with torch.no_grad():
        parts = []
        for start in (0, BATCH_SIZE):
            x = torch.from_numpy(seen[start : start + BATCH_SIZE]).float() / 127.5 - 1
            parts.append(network.convolutions[1](F.leaky_relu(network.convolutions[0](x), 0.2)))
    mean = sum(part.mean((0, 2, 3)) for part in parts) / 2
    variance = sum(part.var((0, 2, 3)) for part in parts) / 2
    assert isinstance(norm, torch.nn.BatchNorm2d)
    torch.testing.assert_close(norm.running_mean, mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, variance, atol=1e-5, rtol=1e-4)
    untouched = network.norms[1]
    assert isinstance(untouched, torch.nn.BatchNorm2d)
    torch.testing.assert_close(untouched.running_mean, torch.zeros(6))  # only the copy has changed


def test_features_are_kept_in_a_file_as_they_are_computed(
    network: Discriminator, tmp_path: Path
) -> None:
    done: list[int] = []
    kept = write_features(network, pictures(BATCH_SIZE + 5), tmp_path / "features.npy", done.append)
    assert done == [BATCH_SIZE, BATCH_SIZE + 5]
    assert kept.dtype == np.float16
    assert isinstance(kept, np.memmap)
    with torch.no_grad():
        alone = extract_features(network, pictures(BATCH_SIZE + 5)[-1:])
    np.testing.assert_allclose(kept[-1:], alone, rtol=1e-3, atol=1e-5)


def test_what_gives_no_features_is_a_sentence(network: Discriminator) -> None:
    with pytest.raises(FeatureError, match=r"takes pictures \(C, H, W\) of \(3, 32, 32\), not"):
        extract_features(network, np.zeros((1, 3, 64, 64), np.uint8))
    with pytest.raises(FeatureError, match="told the label"):
        extract_features(Discriminator(MNIST), np.zeros((1, 1, 28, 28), np.uint8))
