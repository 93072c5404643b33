"""Is it memorising? The training pictures nearest to samples, and to photographs never trained on.

A copied picture would lie much nearer to its original than a held-out photograph to anything. Two
spaces: features (euclidean distance) see what is shown, pixels (root mean square difference in
bytes) see copies. Recipes may mirror pictures, so in pixels the mirror images count too.
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
"""Pictures at a time: 12,288 float64 each at 64x64."""
TILE, GAP, BREAK, TEXT = 64, 4, 16, 11


@dataclass(frozen=True)
class ImageSet:
    """Pictures (N, H, W, 3) uint8 and their features (N, d)."""

    pixels: np.ndarray
    features: Tensor

    def first(self, count: int) -> ImageSet:
        return ImageSet(self.pixels[:count], self.features[:count])


@dataclass(frozen=True)
class NearestImages:
    """For each of N pictures the nearest others, nearest first; both arrays (N, NEIGHBOURS)."""

    rows: np.ndarray
    distances: np.ndarray


def find_nearest(pictures: ImageSet, others: ImageSet) -> dict[str, NearestImages]:
    """The nearest others in each of `SPACES`; there must be at least `NEIGHBOURS` of them."""
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
    """(N, d) and (M, d) -> euclidean distances (N, M)."""
    return torch.cdist(features.double(), others.double()).numpy()


def probability_nearer(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of distances (N,) and (M,) the chance that one of ours is the shorter: 0.5 where alike."""
    return float((ours[:, None] < theirs).mean())


def pixel_distances(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, H, W, C) and (M, H, W, C) uint8 -> (N, M): 0 to 255, to the other or its mirror image."""
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
    """Samples and held-out pictures beside the same training pictures."""

    samples: ImageSet
    held_out: ImageSet
    trained: ImageSet
    near_samples: dict[str, NearestImages]
    near_held_out: dict[str, NearestImages]

    def figure(self, rows: int) -> np.ndarray:
        """The first samples and held-out pictures, each with its nearest and their distances.

        (H, W, 3) uint8; small pictures are enlarged to about `TILE`.
        """
        sheet = _Sheet(self.trained.pixels, rows)
        sheet.group("sample", self.samples.pixels[:rows], self.near_samples)
        sheet.group("held out", self.held_out.pixels[:rows], self.near_held_out)
        return np.asarray(sheet.image)


def compare_to_training(samples: ImageSet, held_out: ImageSet, trained: ImageSet) -> Comparison:
    near_samples, near_held_out = find_nearest(samples, trained), find_nearest(held_out, trained)
    return Comparison(samples, held_out, trained, near_samples, near_held_out)


class _Sheet:
    """Two groups of rows, side by side: a picture, its nearest in each space, their distances."""

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
