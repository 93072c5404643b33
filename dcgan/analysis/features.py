"""What D has learned to see, as numbers for a linear classifier (section 5.1 of the paper).

Every convolution of D, after its LeakyReLU, is max-pooled to 4x4; all are flattened and put one
behind another: 28,672 numbers for the authors' ImageNet network, 7,168 for their SVHN network. D
normalises with the statistics of its checkpoint or, as in the authors' code, with those of the
experiment's own training pictures (`reestimate_statistics`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from dcgan.media import images
from dcgan.models.networks import Discriminator
from dcgan.models.tensor_shapes import POOLED_SIDE, feature_length

BATCH_SIZE = 128


class FeatureError(ValueError):
    """A network that gives no features, or pictures that it can't take."""


def extract_features(network: Discriminator, pictures: np.ndarray) -> Tensor:
    """(N, C, H, W) uint8 -> (N, `feature_length`), ordered by layer, map, row and column.

    D sees them as its mode has it. Raises FeatureError for pictures of another size or number of
    channels, and for a class-conditional D, which would have to be told the answer.
    """
    config = network.config
    expected = (config.channels, config.image_size, config.image_size)
    if config.classes:
        raise FeatureError(
            "a class-conditional discriminator gives no features: it is told the label"
        )
    if pictures.shape[1:] != expected:
        raise FeatureError(
            f"the discriminator takes pictures (C, H, W) of {expected}, not {pictures.shape[1:]}"
        )
    maps = network.feature_maps(torch.from_numpy(images.from_uint8(pictures, config.output)))
    return torch.cat([F.adaptive_max_pool2d(h, POOLED_SIDE).flatten(1) for h in maps], dim=1)


class _InputAdapter(nn.Module):
    """What `update_bn` calls, a batch of pictures at a time."""

    def __init__(self, network: Discriminator) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        return extract_features(self.network, pictures.numpy())


def reestimate_statistics(network: Discriminator, pictures: np.ndarray) -> Discriminator:
    """A copy whose statistics are the averages of the means and variances of batches of 128.

    pictures: (N, C, H, W) uint8. The last batch counts as much as any, so an incomplete one is
    left out, unless it is the only one.
    """
    copied = copy.deepcopy(network)
    whole = max(len(pictures) // BATCH_SIZE * BATCH_SIZE, min(len(pictures), BATCH_SIZE))
    update_bn(torch.from_numpy(pictures[:whole]).split(BATCH_SIZE), _InputAdapter(copied))
    return copied.eval()


def write_features(
    network: Discriminator,
    pictures: np.ndarray,
    out: Path,
    progress: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """`write_in_batches` the features (N, `feature_length`) of pictures (N, C, H, W) uint8."""
    return write_in_batches(
        lambda part: extract_features(network, part),
        feature_length(network.config),
        pictures,
        out,
        progress,
    )


@torch.inference_mode()
def write_in_batches(
    of: Callable[[np.ndarray], Tensor],
    numbers: int,
    pictures: np.ndarray,
    out: Path,
    progress: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """Write what `of` gives for batches of pictures, `numbers` for each, to `out`, a .npy file.

    float16: a billion numbers would not fit into memory otherwise. progress is called with the
    number of pictures done. Returns a read-only map of the file, (N, numbers).
    """
    kept = np.lib.format.open_memmap(out, "w+", np.float16, (len(pictures), numbers))
    for start in range(0, len(pictures), BATCH_SIZE):
        part = pictures[start : start + BATCH_SIZE]
        kept[start : start + len(part)] = of(part).numpy()
        progress(start + len(part))
    kept.flush()
    return np.load(out, mmap_mode="r")
