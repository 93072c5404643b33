"""D's architecture as a supervised classifier, tuned by random search (section 5.2).

The paper trains it on the same labels, tries 64 settings and gives the lowest validation error. It
does not say which hyperparameters were searched; here these are learning rate, weight decay, batch
size and dropout before the last layer. A setting whose validation error is above the median of the
previous ones after a third or two thirds of the epochs is stopped (median stopping rule of Golovin
et al. 2017, Vizier).

The same code fine-tunes a discriminator: the classifier then starts from D's weights.
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
"""Batch size of inference."""
EPOCHS = 45
CHECKS = (15, 30)
"""Epochs after which the median stopping rule is applied."""


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of the search.

    rate: learning rate of AdamW. decay: its weight decay. batch: batch size. dropped: dropout
    probability before the last layer.
    """

    rate: float
    decay: float
    batch: int
    dropped: float


class Classifier(nn.Module):
    """Classifier with D's convolutions and a new linear layer in place of D's score.

    Maps images (N, C, H, W) in G's output range to logits (N, classes).
    """

    def __init__(self, network: Discriminator, classes: int, dropped: float) -> None:
        """network: D, modified in place. dropped: dropout probability."""
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
    """Images (N, C, H, W) uint8 and their class numbers (N,)."""

    pictures: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: np.ndarray | slice) -> LabelledImages:
        return LabelledImages(self.pictures[rows], self.labels[rows])


def draw_hyperparameters(seed: int, number: int) -> Hyperparameters:
    """Sample setting `number` of a search; rate and decay are log-uniform."""
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
    """Train for `count` epochs and yield the number of each, from 1, at its end."""
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
    """Return the classification error in eval mode (fixed batch normalisation statistics)."""
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
    """Fine-tune D, in place, as a classifier and return its error on `aside`.

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
    """Train random settings on parts["train"] and choose one by its error on parts["validation"].

    Returns validation and test error and setting of the best one (validation, error, setting), and
    how many settings were tried and stopped early (tried, stopped).
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
    """Convert to the memory format channels_last, in which convolutions on a CPU are fastest."""
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)


def _inputs(network: Classifier, part: LabelledImages) -> Tensor:
    return torch.from_numpy(images.from_uint8(part.pictures, network.config.output))


def autocast() -> torch.autocast:
    """Return an autocast context: bfloat16 on a CPU that supports it, else disabled."""
    return torch.autocast("cpu", torch.bfloat16, enabled=best_precision() == "bf16")
