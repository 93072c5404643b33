"""Differentiable augmentation of what D sees (Zhao et al. 2020, "Differentiable Augmentation for
Data-Efficient GAN Training").

A deviation from the paper, which augments nothing. With few training images D memorises them and
its gradient no longer tells G what real images look like. Transforming real and generated images
alike, wherever D sees them, keeps D from recognising single images; since every transformation is
differentiable, G learns through it, and generates images that are not transformed.

The order is theirs: colour, translation, cutout. The ranges are fields here (`Augmentation`) where
theirs are fixed: brightness 0.5, saturation 1.0, contrast 0.5, translation 0.125, cutout 0.5.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

DRAWS_PER_IMAGE = 7
"""Random numbers per image: three for colour, two for translation, two for cutout."""


@dataclass(frozen=True)
class Augmentation:
    """How strongly images are transformed before D sees them; 0 leaves a transformation out."""

    brightness: float = 0.0
    """Largest offset that is added to all pixels, as a share of half the pixel range."""
    saturation: float = 0.0
    """The distance to grey is scaled by 1 - saturation to 1 + saturation."""
    contrast: float = 0.0
    """The distance to the image's mean is scaled by 1 - contrast to 1 + contrast."""
    translation: float = 0.0
    """Largest shift along each axis, as a share of the image's side; zeros move in."""
    cutout: float = 0.0
    """Side of a square of zeros at a random place, as a share of the image's side."""

    def __post_init__(self) -> None:
        """Raise ValueError for a strength outside [0, 1]."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1:
                raise ValueError(f"augmentation.{field.name} must lie in [0, 1], not {value!r}")

    def __bool__(self) -> bool:
        """Return whether any transformation is active."""
        return any(dataclasses.astuple(self))


def augment(images: Tensor, policy: Augmentation, draws: np.ndarray, half_range: float) -> Tensor:
    """Transform images (N, C, H, W) of pixels in the network's own range, differentiably.

    draws: uniform random numbers in [0, 1), (N, DRAWS_PER_IMAGE). half_range: half the width of the
    pixel range, 1 for [-1, 1] or 0.5 for [0, 1].
    """
    random = torch.from_numpy(draws.astype(np.float32)).to(images.device)
    # of shape (N, 1, 1, 1), in [-1, 1)
    brightness, saturation, contrast = (random[:, :3] * 2 - 1).T[..., None, None, None]
    if policy.brightness:
        images = images + brightness * (policy.brightness * half_range)
    if policy.saturation and images.shape[1] > 1:
        grey = images.mean(1, keepdim=True)
        images = grey + (images - grey) * (1 + saturation * policy.saturation)
    if policy.contrast:
        mean = images.mean((1, 2, 3), keepdim=True)
        images = mean + (images - mean) * (1 + contrast * policy.contrast)
    if policy.translation:
        images = _translate(images, policy.translation, random[:, 3:5])
    if policy.cutout:
        images = images * _cutout_mask(images, policy.cutout, random[:, 5:7])
    return images


def _translate(images: Tensor, share: float, random: Tensor) -> Tensor:
    """Shift images by whole pixels.

    Sampling a grid at pixel centres is exact, and its gradient is many times as fast as that of an
    indexed copy.
    """
    count, _, height, width = images.shape
    sides = torch.tensor([width, height], device=images.device)
    limit = (sides * share).round()
    shift = (random * (2 * limit + 1)).floor() - limit  # (N, 2), every shift equally often
    theta = torch.eye(2, 3, device=images.device).repeat(count, 1, 1)
    theta[:, :, 2] = shift * 2 / sides
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="nearest", align_corners=False)
    return moved.contiguous(memory_format=torch.channels_last)


def _cutout_mask(images: Tensor, share: float, random: Tensor) -> Tensor:
    """Return masks (N, 1, H, W): 0 inside an image's square, 1 outside.

    Squares may cross the border.
    """
    inside = []
    for side, place in zip(images.shape[2:], random.T, strict=True):
        size = round(side * share)
        start = (place * (side + (size + 1) % 2)).floor() - size // 2
        distance = torch.arange(side, device=images.device) - start[:, None]
        inside.append((distance >= 0) & (distance < size))
    rows, columns = inside
    return (~(rows[:, :, None] & columns[:, None, :]))[:, None].to(images.dtype)
