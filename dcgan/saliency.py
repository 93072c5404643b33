"""What D looks at: guided backpropagation to the features of its last convolution (figure 5).

A feature is one map of the last convolution, after its normalisation and LeakyReLU. Its response
to a picture is the largest value in the map, and the guided gradient is the gradient of that one
value towards the picture (Springenberg et al. 2015): forward unchanged; backward, a layer lets
nothing through where its input or the incoming gradient is negative.

Deviations. That rule is made for ReLU, and D has LeakyReLU (slope 0.2): forward, negative inputs
still pass at a fifth, so responses are exactly D's own; backward, they are blocked as the rule
says, where the true gradient would pass at a fifth. D sees with the fixed statistics of its
normalisation, as it never did in training, since a gradient would otherwise depend on the other
pictures of the batch. Random weights, to compare with, have no statistics of their own: theirs are
estimated on pictures (`random_discriminator`), else their normalisation would do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan import images
from dcgan.config import ModelConfig
from dcgan.engine import Model
from dcgan.networks import LEAK, Discriminator

BATCH = 64
SAMPLES, SEED = 512, 5
"""What a survey looks at: the first draws of a seed."""
GREY = 128
BRIGHT = 0.995
"""The quantile of a gradient's values that is drawn at full strength, with all above it."""


def inputs(pictures: np.ndarray, config: ModelConfig) -> Tensor:
    """(N, H, W, 3) uint8 -> what D takes, (N, channels, H, W) in G's range."""
    scaled = images.from_uint8(pictures[..., : config.channels], config.output)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))


@torch.no_grad()
def responses(
    discriminator: Discriminator, pictures: Tensor, labels: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Logits (N,) and the responses of all features (N, features).

    Not for several threads on one network at a time.
    """
    logits, strongest = [], []
    for rows in torch.arange(len(pictures)).split(BATCH):
        with _last_maps(discriminator) as maps:
            logits.append(discriminator(pictures[rows], None if labels is None else labels[rows]))
        strongest.append(maps[0].amax((2, 3)))
    return torch.cat(logits), torch.cat(strongest)


def guided_gradients(
    discriminator: Discriminator, pictures: Tensor, features: Tensor, labels: Tensor | None = None
) -> Tensor:
    """The guided gradient of feature `features[n]` towards picture n, of the pictures' shape.

    All zero where the feature's response is negative: nothing in the picture speaks for it. Not
    for several threads on one network at a time.
    """
    pictures = pictures.detach().requires_grad_()
    hooks = [norm.register_forward_hook(_guide) for norm in discriminator.norms]
    try:
        with _last_maps(discriminator) as maps:
            discriminator(pictures, labels)
    finally:
        for hook in hooks:
            hook.remove()
    chosen = maps[0][torch.arange(len(pictures)), features].flatten(1)
    (gradient,) = torch.autograd.grad(chosen.max(1).values.sum(), pictures)
    return gradient


def random_discriminator(
    config: ModelConfig, pictures: Tensor, labels: Tensor | None = None, seed: int = 0
) -> Discriminator:
    """D with the paper's initial weights and statistics estimated on these pictures."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        discriminator = Discriminator(config)
    for module in discriminator.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # the average over all batches
    with torch.no_grad():
        for rows in torch.arange(len(pictures)).split(BATCH):
            discriminator(pictures[rows], None if labels is None else labels[rows])
    return discriminator.eval().requires_grad_(False)


def drawn(gradients: Tensor) -> np.ndarray:
    """Gradients as pictures, (N, H, W, 3) uint8: grey for 0, each scaled by itself (`BRIGHT`)."""
    values = gradients.numpy().astype(np.float32)
    top = np.quantile(np.abs(values), BRIGHT, axis=(1, 2, 3), keepdims=True)
    top = np.where(top > 0, top, np.abs(values).max(axis=(1, 2, 3), keepdims=True))
    scaled = np.clip(values / np.maximum(top, np.finfo(np.float32).tiny), -1, 1)
    pixels = np.rint(GREY + (GREY - 1) * scaled).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))


class Survey:
    """What a model's D, and one with random weights, answer to `SAMPLES` draws of the model.

    trained, random: the networks. pictures: the draws, (N, H, W, 3) uint8, with their `specs`.
    Not for several threads at a time.
    """

    def __init__(self, model: Model) -> None:
        """Raises CheckpointError where the checkpoint has no D, as stages have none."""
        self.config = model.config
        self.trained = model.checkpoint.discriminator()
        self.specs = [model.sample(SEED, index) for index in range(SAMPLES)]
        self.pictures = model.render(self.specs)
        samples = inputs(self.pictures, self.config)
        labels = self._labels([spec.label for spec in self.specs])
        self.random = random_discriminator(self.config, samples, labels)
        self.logits, self._trained = responses(self.trained, samples, labels)
        _, self._random = responses(self.random, samples, labels)

    @property
    def features(self) -> int:
        return self._trained.shape[1]

    def responses(self, network: Discriminator) -> Tensor:
        """(SAMPLES, features)"""
        return self._trained if network is self.trained else self._random

    def strongest(self, network: Discriminator, feature: int, count: int) -> list[int]:
        """The draws that a feature responds to most, the strongest first."""
        return self.responses(network)[:, feature].topk(count).indices.tolist()

    def standing_out(self, response: Tensor, count: int) -> list[int]:
        """The features of `trained` whose response to a picture (features,) is most unusual.

        In standard deviations above the feature's mean over the draws.
        """
        usual = self._trained
        return ((response - usual.mean(0)) / usual.std(0)).topk(count).indices.tolist()

    def answers(
        self, network: Discriminator, picture: np.ndarray, label: int | None
    ) -> tuple[float, Tensor]:
        """The logit of a picture (H, W, 3) uint8 and the responses (features,) to it."""
        logits, found = responses(
            network, inputs(picture[None], self.config), self._labels([label])
        )
        return float(logits[0]), found[0]

    def gradients(
        self,
        network: Discriminator,
        pictures: np.ndarray,
        features: Sequence[int],
        labels: Sequence[int | None],
    ) -> np.ndarray:
        """Guided gradients of features[n] towards picture n, drawn: (N, H, W, 3) uint8."""
        return drawn(
            guided_gradients(
                network,
                inputs(pictures, self.config),
                torch.tensor(features),
                self._labels(labels),
            )
        )

    def _labels(self, labels: Sequence[int | None]) -> Tensor | None:
        return torch.tensor(labels) if self.config.classes else None


@contextmanager
def _last_maps(discriminator: Discriminator) -> Iterator[list[Tensor]]:
    """Holds the features' maps (N, features, H, W) after D has been called inside."""
    maps: list[Tensor] = []

    def keep(module: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
        maps.append(F.leaky_relu(output, LEAK))

    hook = discriminator.norms[-1].register_forward_hook(keep)
    try:
        yield maps
    finally:
        hook.remove()


def _guide(module: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
    """On what goes into a LeakyReLU: the rule, where the layer's own slope is 1 or blocked."""
    positive = output > 0
    output.register_hook(lambda gradient: gradient.clamp(min=0) * positive)
