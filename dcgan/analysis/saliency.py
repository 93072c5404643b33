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

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dcgan.analysis.discriminator import (
    load_discriminator,
    network_input,
    network_labels,
    record_maps,
)
from dcgan.config import ModelConfig
from dcgan.latents.spec import PictureSpec, SpecError
from dcgan.models.networks import Discriminator
from dcgan.rendering import engine
from dcgan.rendering.engine import Model
from dcgan.tasks import Work, map_in_batches, shared_task, sub_task

BATCH_SIZE = 64
SURVEY_SAMPLES, SURVEY_SEED = 512, 5
"""What a survey looks at: the first draws of a seed."""
FEATURES_SHOWN = 6
"""Features at a time, and pictures of each; the paper's figure shows the first six."""
ZERO_GREY = 128
SCALE_QUANTILE = 0.995
"""The quantile of a gradient's values that is drawn at full strength, with all above it."""


@torch.no_grad()
def feature_responses(
    discriminator: Discriminator, pictures: Tensor, labels: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Logits (N,) and the responses of all features (N, features).

    Not for several threads on one network at a time.
    """
    with _features(discriminator) as maps:
        logits = discriminator(pictures, labels)
    return logits, maps[0].amax((2, 3))


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
        with _features(discriminator) as maps:
            discriminator(pictures, labels)
    finally:
        for hook in hooks:
            hook.remove()
    # A feature is asked about at the one place where it is strongest, as in figure 5: the gradient
    # of its mean would mix what it finds in all places.
    chosen = maps[0][torch.arange(len(pictures)), features].flatten(1)
    (gradient,) = torch.autograd.grad(chosen.max(1).values.sum(), pictures)
    return gradient


def random_discriminator(
    config: ModelConfig, pictures: Tensor, labels: Tensor | None = None, seed: int = 0
) -> Work[Discriminator]:
    """D with the paper's initial weights and statistics estimated on these pictures."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        discriminator = Discriminator(config)
    for module in discriminator.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # the average over all batches

    @torch.no_grad()
    def see(rows: Sequence[int]) -> None:
        discriminator(*_rows(rows, pictures, labels))

    yield from map_in_batches(see, range(len(pictures)), BATCH_SIZE)
    return discriminator.eval().requires_grad_(False)


def gradient_images(gradients: Tensor) -> np.ndarray:
    """Gradients as pictures, (N, H, W, 3) uint8: grey for 0, scaled by its own `SCALE_QUANTILE`."""
    values = gradients.numpy().astype(np.float32)
    top = np.quantile(np.abs(values), SCALE_QUANTILE, axis=(1, 2, 3), keepdims=True)
    top = np.where(top > 0, top, np.abs(values).max(axis=(1, 2, 3), keepdims=True))
    scaled = np.clip(values / np.maximum(top, np.finfo(np.float32).tiny), -1, 1)
    pixels = np.rint(ZERO_GREY + (ZERO_GREY - 1) * scaled).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))


def check_feature(model: Model, feature: int, labelled: bool = True) -> None:
    """Raises SpecError for a feature there is not, and for pictures without a class where D has
    to be told it."""
    last = model.config.discriminator_widths[-1] - 1
    if not 0 <= feature <= last:
        raise SpecError(f"the last convolution has features 0 to {last}, not {feature}")
    if model.config.classes and not labelled:
        raise SpecError(
            f"the discriminator of {model.name} has to be told a picture's class, which an "
            "uploaded one does not have: choose another model"
        )


@dataclass(frozen=True)
class FeatureAttribution:
    """What one feature finds in a picture: its guided gradient, drawn, (H, W, 3) uint8."""

    feature: int
    response: float
    gradient: np.ndarray


@dataclass(frozen=True)
class SaliencyResult:
    """What D makes of a picture.

    usual: the logits that a tenth, half and nine tenths of the survey's draws stay below. trained,
    random: one feature of either network. strongest: the features of `trained` that stand out.
    """

    logit: float
    usual: list[float]
    trained: FeatureAttribution
    random: FeatureAttribution
    strongest: list[FeatureAttribution]


@dataclass(frozen=True)
class TopSamples:
    """The draws that some features respond to most, feature by feature, the strongest first.

    pairs: (N, 2 H, W, 3) uint8, each picture above its guided gradient. responses: (N,).
    """

    specs: list[PictureSpec]
    responses: list[float]
    pairs: np.ndarray


@dataclass(frozen=True)
class Survey:
    """What a model's D, and one with random weights, answer to `SURVEY_SAMPLES` draws of the model.

    trained, random: the networks. specs, pictures: the draws, (N, H, W, 3) uint8. logits: (N,).
    usual: responses to the draws by network, (N, features). Not for several threads at a time.
    """

    config: ModelConfig
    trained: Discriminator
    random: Discriminator
    specs: list[PictureSpec]
    pictures: np.ndarray
    logits: Tensor
    usual: dict[Discriminator, Tensor]

    def attribute(
        self, picture: np.ndarray, feature: int, label: int | None = None
    ) -> SaliencyResult:
        """At a picture (H, W, 3) uint8, one feature, and the `FEATURES_SHOWN` that stand out."""
        logit, trained = self._respond(self.trained, picture, label)
        _, random = self._respond(self.random, picture, label)
        chosen = [feature, *self._standard_score(trained)]
        seen, *strongest = self._attributions(self.trained, picture, chosen, label, trained)
        [beside] = self._attributions(self.random, picture, [feature], label, random)
        usual = self.logits.quantile(self.logits.new_tensor([0.1, 0.5, 0.9])).tolist()
        return SaliencyResult(logit, usual, seen, beside, strongest)

    def feature_range(self, first: int) -> range:
        """The `FEATURES_SHOWN` features from one on, or as many as there are."""
        return range(first, min(first + FEATURES_SHOWN, self.config.discriminator_widths[-1]))

    def top_samples(self, network: Discriminator, features: Sequence[int]) -> TopSamples:
        """The `FEATURES_SHOWN` draws of each feature."""
        usual = self.usual[network]
        rows = usual[:, list(features)].topk(min(FEATURES_SHOWN, len(usual)), dim=0).indices.T
        columns = torch.tensor(features)[:, None].expand_as(rows).flatten()
        rows = rows.flatten()
        specs = [self.specs[row] for row in rows]
        pictures = self.pictures[rows]
        labels = [spec.label for spec in specs]
        pairs = np.concatenate([pictures, self._gradients(network, pictures, columns, labels)], 1)
        return TopSamples(specs, usual[rows, columns].tolist(), pairs)

    def _respond(
        self, network: Discriminator, picture: np.ndarray, label: int | None
    ) -> tuple[float, Tensor]:
        """The logit and the responses (features,)."""
        pictures = network_input(picture[None], self.config)
        logits, found = feature_responses(network, pictures, network_labels([label], self.config))
        return float(logits[0]), found[0]

    def _standard_score(self, response: Tensor) -> list[int]:
        """By how many standard deviations above the feature's mean over the draws."""
        usual = self.usual[self.trained]
        unusual = (response - usual.mean(0)) / usual.std(0)
        return unusual.topk(min(FEATURES_SHOWN, len(unusual))).indices.tolist()

    def _attributions(
        self,
        network: Discriminator,
        picture: np.ndarray,
        features: list[int],
        label: int | None,
        response: Tensor,
    ) -> list[FeatureAttribution]:
        pictures = np.repeat(picture[None], len(features), axis=0)
        labels = [label] * len(features)
        found = self._gradients(network, pictures, torch.tensor(features), labels)
        return [
            FeatureAttribution(n, float(response[n]), g)
            for n, g in zip(features, found, strict=True)
        ]

    def _gradients(
        self,
        network: Discriminator,
        pictures: np.ndarray,
        features: Tensor,
        labels: Sequence[int | None],
    ) -> np.ndarray:
        """Guided gradients of features[n] towards picture n, drawn: (N, H, W, 3) uint8."""
        seen, classes = (
            network_input(pictures, self.config),
            network_labels(labels, self.config),
        )
        return gradient_images(guided_gradients(network, seen, features, classes))


@shared_task
def survey(model: Model) -> Work[Survey]:
    """Raises CheckpointError where the checkpoint has no D, as stages have none."""
    trained = load_discriminator(model)
    specs = [model.sample(SURVEY_SEED, index) for index in range(SURVEY_SAMPLES)]
    drawn = yield from sub_task(0, 0.4, map_in_batches(model.render, specs, engine.BATCH_SIZE))
    pictures = np.concatenate(drawn)
    seen = network_input(pictures, model.config)
    labels = network_labels([spec.label for spec in specs], model.config)
    random = yield from sub_task(0.4, 0.6, random_discriminator(model.config, seen, labels))
    logits, usual = yield from sub_task(0.6, 0.8, _responses_in_batches(trained, seen, labels))
    _, beside = yield from sub_task(0.8, 1, _responses_in_batches(random, seen, labels))
    answers = {trained: usual, random: beside}
    return Survey(model.config, trained, random, specs, pictures, logits, answers)


def _responses_in_batches(
    network: Discriminator, pictures: Tensor, labels: Tensor | None
) -> Work[tuple[Tensor, Tensor]]:
    def ask(rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        return feature_responses(network, *_rows(rows, pictures, labels))

    found = yield from map_in_batches(ask, range(len(pictures)), BATCH_SIZE)
    logits, strongest = zip(*found, strict=True)
    return torch.cat(logits), torch.cat(strongest)


def _rows(
    rows: Sequence[int], pictures: Tensor, labels: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    chosen = list(rows)
    return pictures[chosen], None if labels is None else labels[chosen]


def _features(discriminator: Discriminator) -> AbstractContextManager[list[Tensor]]:
    """The last convolution's maps, see `discriminator.record_maps`."""
    return record_maps(discriminator, len(discriminator.norms))


def _guide(module: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
    """On what goes into a LeakyReLU: the rule, where the layer's own slope is 1 or blocked."""
    # Guided backpropagation (Springenberg et al. 2015): a gradient passes where both the forward
    # value and the gradient itself are positive, so that only what speaks for a feature is left.
    positive = output > 0
    output.register_hook(lambda gradient: gradient.clamp(min=0) * positive)
