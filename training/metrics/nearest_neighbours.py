"""Test for memorisation: nearest training images of samples and of held-out images.

A copied image would be much nearer to its original than a held-out image is to any training image.
Two distances are used: Euclidean distance of features, which compares content, and root mean square
difference of pixels, which detects copies. Recipes may mirror images, so that the pixel distance
includes mirror images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dcgan.media import images

NEIGHBOURS = 3
SPACES = ("features", "pixels")
CHUNK = 1000
"""Number of images compared at a time; each takes 12,288 float64 at 64x64."""
TILE, GAP, BREAK, TEXT = 64, 4, 16, 11


@dataclass(frozen=True)
class ImageSet:
    """Images (N, H, W, 3) uint8 and their features (N, d)."""

    pixels: np.ndarray
    features: Tensor

    def first(self, count: int) -> ImageSet:
        """Return the first `count` images."""
        return ImageSet(self.pixels[:count], self.features[:count])


@dataclass(frozen=True)
class NearestImages:
    """Rows and distances of the nearest neighbours of N images, nearest first: (N, NEIGHBOURS)."""

    rows: np.ndarray
    distances: np.ndarray


def find_nearest(pictures: ImageSet, others: ImageSet) -> dict[str, NearestImages]:
    """Find the nearest others by each distance in `SPACES`; needs at least `NEIGHBOURS` others."""
    spaces = (
        feature_distances(pictures.features, others.features),
        pixel_distances(pictures.pixels, others.pixels),
    )
    found = {}
    for space, distances in zip(SPACES, spaces, strict=True):
        rows = distances.argsort(axis=1, kind="stable")[:, :NEIGHBOURS]
        found[space] = NearestImages(rows, np.take_along_axis(distances, rows, axis=1))
    return found


def feature_distances(features: Tensor, others: Tensor) -> np.ndarray:
    """Return the Euclidean distances (N, M) of features (N, d) and (M, d)."""
    return torch.cdist(features.double(), others.double()).numpy()


def probability_nearer(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the probability that one of our distances (N,) is below one of theirs (M,).

    It is 0.5 for equal distributions.
    """
    return float((ours[:, None] < theirs).mean())


def pixel_distances(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the root mean square differences (N, M) of images (N, H, W, C) and (M, H, W, C) uint8.

    Each is the smaller of the differences to the other image and to its mirror image, in 0 to 255.
    """
    flat = torch.from_numpy(pictures).flatten(1).double()
    parts = []
    for part in torch.from_numpy(others).split(CHUNK):
        as_is, mirrored = (
            torch.cdist(flat, side.flatten(1).double()) for side in (part, part.flip(2))
        )
        parts.append(torch.minimum(as_is, mirrored))
    return (torch.cat(parts, 1) / flat.shape[1] ** 0.5).numpy()


@dataclass(frozen=True)
class Comparison:
    """Samples and held-out images with their nearest neighbours among the same training images."""

    samples: ImageSet
    held_out: ImageSet
    trained: ImageSet
    near_samples: dict[str, NearestImages]
    near_held_out: dict[str, NearestImages]

    def figure(self, rows: int) -> np.ndarray:
        """Return a figure (H, W, 3) uint8 of the first samples and held-out images.

        Each is shown with its nearest neighbours and their distances; small images are enlarged to
        about `TILE` pixels.
        """
        sheet = _Sheet(self.trained.pixels, rows)
        sheet.group("sample", self.samples.pixels[:rows], self.near_samples)
        sheet.group("held out", self.held_out.pixels[:rows], self.near_held_out)
        return np.asarray(sheet.image)


def compare_to_training(samples: ImageSet, held_out: ImageSet, trained: ImageSet) -> Comparison:
    """Find the nearest training images of samples and of held-out images."""
    near_samples, near_held_out = find_nearest(samples, trained), find_nearest(held_out, trained)
    return Comparison(samples, held_out, trained, near_samples, near_held_out)


class _Sheet:
    """Figure of two groups side by side; a row has an image and its nearest by each distance."""

    def __init__(self, others: np.ndarray, rows: int) -> None:
        self.others = others
        self.scale = max(1, TILE // others.shape[1])
        self.tile = others.shape[1] * self.scale + GAP
        self.row = self.tile + TEXT + GAP
        self.block = NEIGHBOURS * self.tile + BREAK
        width = self.tile + BREAK + len(SPACES) * self.block + BREAK
        self.groups = iter(range(GAP, 2 * width, width))
        self.image = Image.new("RGB", (2 * width, BREAK + TEXT + rows * self.row), "white")
        self.draw, self.font = ImageDraw.Draw(self.image), ImageFont.load_default(TEXT)

    def group(self, heading: str, pictures: np.ndarray, near: dict[str, NearestImages]) -> None:
        left = next(self.groups)
        self._column(left, heading, pictures)
        for start, space in enumerate(SPACES):
            x = left + self.tile + BREAK + start * self.block
            for place in range(NEIGHBOURS):
                rows, distances = near[space].rows[:, place], near[space].distances[:, place]
                shown = self.others[rows[: len(pictures)]]
                heading = "" if place else f"nearest in {space}"
                self._column(x + place * self.tile, heading, shown, distances)

    def _column(
        self, x: int, heading: str, pictures: np.ndarray, distances: np.ndarray | None = None
    ) -> None:
        self.draw.text((x, GAP), heading, "black", self.font)
        for number, picture in enumerate(pictures):
            y = BREAK + TEXT + number * self.row
            self.image.paste(Image.fromarray(images.enlarge(picture, self.scale)), (x, y))
            if distances is not None:
                middle = x + (self.tile - GAP) // 2, y + self.tile
                self.draw.text(middle, f"{distances[number]:.1f}", "black", self.font, anchor="ma")
