"""Mode collapse monitor: checks G's feature maps and the diversity of its samples in training.

"As models are trained longer they sometimes collapse a subset of filters to a single oscillating
mode" (section 7). The feature map of such a filter is dead (hardly varies) or duplicated (follows
another map of its layer). If all filters collapse, G renders the same image for every latent, which
shows in the mean pairwise distance of its samples. The paper gives no measure. The thresholds are
far from the values of this repository's healthy runs: up to 8% of a layer's maps dead, 6%
duplicated.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dcgan.models.networks import Generator

CHECK_INTERVAL, FIRST_CHECK = 100, 500
"""Steps between two checks, and before the first one.

Samples of a healthy G are similar at first, too: samples of rooms had a diversity of 0.08 of real
images' after 128 steps, 0.25 after 190 and 0.5 after 250.
"""
PATIENCE = 2
"""Consecutive checks that must find a collapse before it is reported."""
MAP_SAMPLES, CHECK_SEED = 128, 2
"""Number and seed of the latents whose feature maps are checked, in one batch as in training."""
DIVERSITY_SAMPLES = 64
"""Number of images whose mean pairwise distance is measured."""
POOLED_SIDE = 8
"""Maximum number of positions per side at which a feature map is subsampled."""
DEAD_THRESHOLD = 0.01
"""Share of the layer's mean standard deviation below which a feature map counts as dead."""
DUPLICATE_CORRELATION = 0.99
"""Correlation with an earlier map of the layer above which a feature map counts as duplicated."""
MAX_BAD_SHARE = 0.25
"""Share of dead and duplicated maps in a layer above which G counts as collapsed."""
MIN_DIVERSITY = 0.25
"""Mean pairwise distance of samples, as a share of real images', below which G counts as collapsed.

It is half-way between the same image for every latent (0) and two alternating images that differ as
real ones do (0.5).
"""


@dataclass(frozen=True)
class Survey:
    """Result of a check.

    dead, duplicated: share of such feature maps in each layer, the layer next to z first.
    diversity: mean pairwise distance of samples as a share of real images'.
    """

    dead: tuple[float, ...]
    duplicated: tuple[float, ...]
    diversity: float

    def figures(self) -> dict[str, float]:
        """Return the shares of the worst layers and the diversity, rounded, for the log."""
        return {
            "dead": round(max(self.dead), 4),
            "duplicated": round(max(self.duplicated), 4),
            "diversity": round(self.diversity, 4),
        }

    def collapse(self) -> str | None:
        """Return a description of the collapse, or None if G is healthy."""
        both = [sum(shares) for shares in zip(self.dead, self.duplicated, strict=True)]
        if max(both) > MAX_BAD_SHARE:
            layer = both.index(max(both))
            dead, duplicated = self.dead[layer], self.duplicated[layer]
            return f"of layer {layer + 1}'s maps {dead:.0%} are dead, {duplicated:.0%} duplicated"
        if self.diversity < MIN_DIVERSITY:
            return f"its pictures differ by {self.diversity:.0%} of what real ones do"
        return None


class CollapseMonitor:
    """Checks a G in training and remembers how many checks in a row have found a collapse."""

    def __init__(self, real: np.ndarray) -> None:
        """real: images (N, H, W, 3) uint8; the first `DIVERSITY_SAMPLES` set the reference
        diversity."""
        self._real = mean_pairwise_distance(real[:DIVERSITY_SAMPLES]) or 1.0
        self._failed_checks = 0
        self.latest: Survey | None = None

    def is_due(self, step: int) -> bool:
        """Return whether a check is due at this step."""
        return step >= FIRST_CHECK and not step % CHECK_INTERVAL

    def is_healthy(self, generator: Generator, step: int) -> bool:
        """Return whether a state saved now is a valid target of a rollback."""
        return step < FIRST_CHECK or measure_collapse(generator, self._real).collapse() is None

    def check(self, generator: Generator) -> str | None:
        """Check G; return the description of a collapse that `PATIENCE` checks in a row found.

        Returns None otherwise, also when later checks find the same collapse again.
        """
        self.latest = measure_collapse(generator, self._real)
        collapse = self.latest.collapse()
        self._failed_checks = self._failed_checks + 1 if collapse else 0
        return collapse if self._failed_checks == PATIENCE else None

    def reset(self) -> None:
        """Forget earlier checks, after G's weights have been replaced."""
        self._failed_checks, self.latest = 0, None


def measure_collapse(generator: Generator, real: float) -> Survey:
    """Measure feature maps and diversity of a copy of G, with batch statistics.

    real: mean pairwise distance of real images, in grey levels.
    """
    # Batch statistics, as in training: running averages lag behind, so that a map that has just
    # died would still look alive. A copy, because a forward pass moves those averages.
    copied, found = copy.deepcopy(generator).train(), []

    def record(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(
            dead_and_duplicated(inputs[0][:, : generator.config.generator_widths[len(found)]])
        )

    for convolution in copied.convolutions:
        convolution.register_forward_pre_hook(record)
    pictures = copied.sample(MAP_SAMPLES, CHECK_SEED, MAP_SAMPLES)
    dead, duplicated = zip(*found, strict=True)
    return Survey(dead, duplicated, mean_pairwise_distance(pictures[:DIVERSITY_SAMPLES]) / real)


def dead_and_duplicated(maps: Tensor) -> tuple[float, float]:
    """Return the shares of dead and of duplicated feature maps (N, C, H, W)."""
    down, across = (max(1, side // POOLED_SIDE) for side in maps.shape[2:])
    values = maps[..., ::down, ::across].transpose(0, 1).flatten(1).float()
    deviations = values.std(1)
    # Relative to the layer: the gain of the batch normalisation sets the scale of a ReLU's output,
    # and a map that is constant next to its neighbours carries no information at any scale.
    alive = values[deviations > DEAD_THRESHOLD * deviations.mean()]
    centred = alive - alive.mean(1, keepdim=True)
    normal = centred / centred.norm(dim=1, keepdim=True)
    duplicated = ((normal @ normal.T).triu(1) > DUPLICATE_CORRELATION).any(0).sum()
    return 1 - len(alive) / len(values), float(duplicated) / len(values)


def mean_pairwise_distance(pictures: np.ndarray) -> float:
    """Return the mean Euclidean distance between all pairs of images (N, H, W, 3) uint8."""
    return float(torch.pdist(torch.from_numpy(pictures).flatten(1).float()).mean())
