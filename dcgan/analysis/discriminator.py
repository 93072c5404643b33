"""What a model's discriminator sees: the network, read once, and its feature maps.

D sees with the fixed statistics of its normalisation. Nothing here is for several threads on one
network at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import ModelConfig
from dcgan.latents.spec import PictureSpec, SpecError
from dcgan.media import images
from dcgan.models.networks import LEAKY_RELU_SLOPE, Discriminator
from dcgan.rendering.engine import Model


@functools.lru_cache(maxsize=64)
def load_discriminator(model: Model) -> Discriminator:
    """In eval mode. Raises CheckpointError where the checkpoint has no D, as stages have none."""
    return model.checkpoint.discriminator()


def network_input(pictures: np.ndarray, config: ModelConfig) -> Tensor:
    """(N, H, W, 3) uint8 -> what D takes, (N, channels, H, W) in G's range."""
    scaled = images.from_uint8(pictures[..., : config.channels], config.output)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))


def network_labels(labels: Sequence[int | None], config: ModelConfig) -> Tensor | None:
    """What a class-conditional D takes beside pictures; None for others."""
    return torch.tensor(labels) if config.classes else None


@contextmanager
def record_maps(network: Discriminator, layer: int) -> Iterator[list[Tensor]]:
    """Holds the maps (N, C, H, W) of a layer, after its LeakyReLU, once D has been called inside.

    Layer 1 is the one next to the picture.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
        found.append(F.leaky_relu(output, LEAKY_RELU_SLOPE))

    hook = network.norms[layer - 1].register_forward_hook(keep)
    try:
        yield found
    finally:
        hook.remove()


@torch.no_grad()  # the network may be read here, and others want its gradients
def activations(model: Model, specs: Sequence[PictureSpec], layer: int) -> np.ndarray:
    """D's feature maps (N, C, H, W) of a layer for the model's own pictures.

    Raises SpecError for a layer there is not, CheckpointError for weights without their D.
    """
    network = load_discriminator(model)
    if not 1 <= layer <= len(network.norms):
        raise SpecError(f"the discriminator has layers 1 to {len(network.norms)}, not {layer}")
    labels = network_labels([spec.label for spec in specs], model.config)
    with record_maps(network, layer) as found:
        network(torch.from_numpy(model.draw(specs)), labels)
    return found[0].numpy()
