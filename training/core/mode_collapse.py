"""Watch for mode collapse: dead and duplicated feature maps, and the diversity of G's pictures.

"As models are trained longer they sometimes collapse a subset of filters to a single oscillating
mode" (section 7). Such filters draw nothing of their own: their maps hardly vary (dead), or follow
another map of the layer (duplicated). Where all have, G draws one picture for every z, which the
diversity of its pictures tells. The paper gives no measure; the bounds are far from what this
repository's own healthy runs reach: up to 8% of a layer's maps dead, 6% duplicated.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dcgan.models.networks import Generator

CHECK_INTERVAL, FIRST_CHECK = 100, 500
"""Steps between two looks, and before the first: a healthy G's pictures are alike at first, too (of
rooms their diversity was 0.08 of real ones' after 128 steps, 0.25 after 190, 0.5 after 250)."""
PATIENCE = 2
"""Looks in a row that find G collapsed, before it counts."""
MAP_SAMPLES, CHECK_SEED = 128, 2
"""z's whose maps are looked at, the same every time, normalised together as in training."""
DIVERSITY_SAMPLES = 64
"""Pictures whose diversity is measured."""
POOLED_SIDE = 8
"""Places of a map that are looked at, at most, along either side."""
DEAD_THRESHOLD = 0.01
"""A map is dead where its standard deviation is below this share of the mean of its layer's."""
DUPLICATE_CORRELATION = 0.99
"""A map is duplicated where its correlation with an earlier one of its layer is above this."""
MAX_BAD_SHARE = 0.25
"""G has collapsed where more of a layer's maps than this are dead or duplicated."""
MIN_DIVERSITY = 0.25
"""So it has where its pictures lie closer together than this share of what real ones do: half-way
between one picture for every z (0) and two as unlike as real ones, by turns (0.5)."""


@dataclass(frozen=True)
class Survey:
    """Shares of dead and of duplicated maps by layer, the one next to z first; the diversity of G's
    pictures as a share of real ones'."""

    dead: tuple[float, ...]
    duplicated: tuple[float, ...]
    diversity: float

    def figures(self) -> dict[str, float]:
        """The worst layer's."""
        return {
            "dead": round(max(self.dead), 4),
            "duplicated": round(max(self.duplicated), 4),
            "spread": round(self.diversity, 4),
        }

    def collapse(self) -> str | None:
        """In what way G has collapsed; None where it has not."""
        both = [sum(shares) for shares in zip(self.dead, self.duplicated, strict=True)]
        if max(both) > MAX_BAD_SHARE:
            layer = both.index(max(both))
            dead, duplicated = self.dead[layer], self.duplicated[layer]
            return f"of layer {layer + 1}'s maps {dead:.0%} are dead, {duplicated:.0%} duplicated"
        if self.diversity < MIN_DIVERSITY:
            return f"its pictures differ by {self.diversity:.0%} of what real ones do"
        return None


class CollapseMonitor:
    """Looks at a G that is being trained."""

    def __init__(self, real: np.ndarray) -> None:
        """real: pictures (N, H, W, 3) uint8, the diversity of `DIVERSITY_SAMPLES` of which is a
        healthy G's."""
        self._real = mean_pairwise_distance(real[:DIVERSITY_SAMPLES]) or 1.0
        self._ill = 0
        self.latest: Survey | None = None

    def is_due(self, step: int) -> bool:
        """Whether it is time for a look."""
        return step >= FIRST_CHECK and not step % CHECK_INTERVAL

    def is_healthy(self, generator: Generator, step: int) -> bool:
        """Whether G is one to go back to."""
        return step < FIRST_CHECK or measure_collapse(generator, self._real).collapse() is None

    def check(self, generator: Generator) -> str | None:
        """In what way G has collapsed, when `PATIENCE` looks in a row have found it so."""
        self.latest = measure_collapse(generator, self._real)
        collapse = self.latest.collapse()
        self._ill = self._ill + 1 if collapse else 0
        return collapse if self._ill == PATIENCE else None

    def reset(self) -> None:
        """After another G has taken this one's place."""
        self._ill, self.latest = 0, None


def measure_collapse(generator: Generator, real: float) -> Survey:
    """Look at a copy of G, on batch statistics. real: the diversity of real pictures."""
    # On batch statistics, as D sees G's images: the running averages lag behind, and with them a
    # map that has just died would still look alive. A copy, because a pass moves those averages.
    watched, found = copy.deepcopy(generator).train(), []

    def look(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(
            dead_and_duplicated(inputs[0][:, : generator.config.generator_widths[len(found)]])
        )

    for convolution in watched.convolutions:
        convolution.register_forward_pre_hook(look)
    pictures = watched.sample(MAP_SAMPLES, CHECK_SEED, MAP_SAMPLES)
    dead, duplicated = zip(*found, strict=True)
    return Survey(dead, duplicated, mean_pairwise_distance(pictures[:DIVERSITY_SAMPLES]) / real)


def dead_and_duplicated(maps: Tensor) -> tuple[float, float]:
    """The shares of maps (N, C, H, W) that are dead, and duplicated."""
    down, across = (max(1, side // POOLED_SIDE) for side in maps.shape[2:])
    values = maps[..., ::down, ::across].transpose(0, 1).flatten(1).float()
    deviations = values.std(1)
    # Relative to the layer: the scale of a ReLU's output is set by the gain of its normalisation,
    # and a map that is constant next to its neighbours carries nothing whatever its absolute size.
    alive = values[deviations > DEAD_THRESHOLD * deviations.mean()]
    centred = alive - alive.mean(1, keepdim=True)
    normal = centred / centred.norm(dim=1, keepdim=True)
    duplicated = ((normal @ normal.T).triu(1) > DUPLICATE_CORRELATION).any(0).sum()
    return 1 - len(alive) / len(values), float(duplicated) / len(values)


def mean_pairwise_distance(pictures: np.ndarray) -> float:
    """Mean Euclidean distance between any two of pictures (N, H, W, 3) uint8."""
    return float(torch.pdist(torch.from_numpy(pictures).flatten(1).float()).mean())
