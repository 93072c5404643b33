"""D's architecture as a supervised network, by random search (section 5.2).

The paper trains it on the same labels, tries 64 settings and gives the lowest validation error. It
does not say what was drawn; here it is the rate, the weight decay, the batch and the share of units
dropped before the last layer. Settings that are behind the median of those before them after a
third or two thirds of the epochs are hopeless and stop, as in Golovin et al. 2017 (Vizier).

The same network may begin with the weights that D learned as a discriminator (fine-tuning).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import ModelConfig
from dcgan.media import images
from dcgan.models.networks import Discriminator
from training.core.matmul_convolution import use_matrix_products
from training.core.trainer import best_precision
from training.data.sampler import random_generator

BATCH = 128
"""Of pictures that are only looked at."""
EPOCHS = 45
CHECKS = (15, 30)
"""Epochs after which the hopeless stop."""


@dataclass(frozen=True)
class Hyperparameters:
    """What is drawn at random: rate and decay evenly on a logarithmic scale."""

    rate: float
    decay: float
    batch: int
    dropped: float


class Classifier(nn.Module):
    """D's convolutions, as they are given, and a new linear layer of logits (N, classes) in place
    of its score. Pictures (N, C, H, W) in G's range."""

    def __init__(self, network: Discriminator, classes: int, dropped: float) -> None:
        """network: changed in place."""
        super().__init__()
        self.config = network.config
        self.dropout = nn.Dropout(dropped)
        network.score = nn.Linear(network.score.in_features, classes)
        self.network = channels_last(network)
        if best_precision() == "bf16":
            use_matrix_products(network)

    def forward(self, pictures: Tensor) -> Tensor:
        *_, maps = self.network.feature_maps(pictures)
        return self.network.score(self.dropout(maps.flatten(1)))


@dataclass(frozen=True)
class LabelledImages:
    """Pictures (N, C, H, W) uint8 and their classes (N,)."""

    pictures: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: np.ndarray | slice) -> LabelledImages:
        return LabelledImages(self.pictures[rows], self.labels[rows])


def draw_hyperparameters(seed: int, number: int) -> Hyperparameters:
    """Setting `number` of a search."""
    chance = random_generator(seed, "supervised setting", number)
    return Hyperparameters(
        rate=float(10 ** chance.uniform(-4, -2)),
        decay=float(10 ** chance.uniform(-6, -2)),
        batch=int(chance.choice([32, 64, 128])),
        dropped=float(chance.choice([0.0, 0.25, 0.5])),
    )


def train_epochs(
    network: Classifier,
    setting: Hyperparameters,
    part: LabelledImages,
    seed: int,
    count: int = EPOCHS,
) -> Iterator[int]:
    """Train for `count` epochs, and yield the number of each, from 1, when it has ended."""
    optimizer = torch.optim.AdamW(
        network.parameters(), setting.rate, betas=(0.5, 0.999), weight_decay=setting.decay
    )
    inputs, labels = _inputs(network, part), torch.from_numpy(part.labels.astype(np.int64))
    for epoch in range(count):
        network.train()
        order = torch.from_numpy(
            random_generator(seed, "supervised order", epoch).permutation(len(labels))
        )
        for rows in order.split(setting.batch):
            with autocast():
                logits = network(inputs[rows])
            loss = F.cross_entropy(logits.float(), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        yield epoch + 1


@torch.inference_mode()
def error_rate(network: Classifier, part: LabelledImages) -> float:
    """The share that it gets wrong, on fixed statistics."""
    network.eval()
    with autocast():
        said = [network(x).argmax(dim=1) for x in _inputs(network, part).split(BATCH)]
    return float((torch.cat(said).numpy() != part.labels).mean())


def fine_tune(
    network: Discriminator,
    classes: int,
    setting: Hyperparameters,
    count: int,
    part: LabelledImages,
    aside: LabelledImages,
    after: Callable[[], None],
) -> float:
    """The error on those aside of what begins with D's weights, changed in place, and learns.

    after: called after each of `count` epochs.
    """
    classifier = Classifier(network, classes, setting.dropped)
    for _ in train_epochs(classifier, setting, part, 0, count):
        after()
    return error_rate(classifier, aside)


def random_search(
    config: ModelConfig,
    classes: int,
    parts: dict[str, LabelledImages],
    settings: int,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train random settings on parts["train"], and choose by parts["validation"].

    Returns the best one's validation error and its error on parts["test"], its setting, and how
    many were tried and stopped.
    """
    before: dict[int, list[float]] = {epoch: [] for epoch in (*CHECKS, EPOCHS)}
    best: dict[str, Any] = {"validation": 1.0}
    for number in range(settings):
        setting = draw_hyperparameters(seed, number)
        torch.manual_seed(number)
        network = Classifier(Discriminator(config), classes, setting.dropped)
        for epoch in train_epochs(network, setting, parts["train"], number):
            if epoch not in before:
                continue
            error = error_rate(network, parts["validation"])
            say(f"setting {number + 1}, epoch {epoch}: validation error {error:.2%}")
            hopeless = epoch < EPOCHS and error > median(before[epoch] or [error])
            before[epoch].append(error)
            if hopeless:
                break
            if epoch == EPOCHS and error < best["validation"]:
                tested = error_rate(network, parts["test"])
                best = {"validation": error, "error": tested, "setting": asdict(setting)}
    return {**best, "tried": settings, "stopped": settings - len(before[EPOCHS])}


def channels_last(network: Discriminator) -> Discriminator:
    """The same, in the layout that convolutions of a CPU are fastest in."""
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)


def _inputs(network: Classifier, part: LabelledImages) -> Tensor:
    return torch.from_numpy(images.from_uint8(part.pictures, network.config.output))


def autocast() -> torch.autocast:
    """bfloat16 for convolutions and matrix products, where the processor has it."""
    return torch.autocast("cpu", torch.bfloat16, enabled=best_precision() == "bf16")
