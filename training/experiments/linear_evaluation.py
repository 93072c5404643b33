"""Linear evaluation on CIFAR-10 with all labels and with 400 labels per class (section 5.1).

Accuracies are measured on separate test images; with 400 labels per class, as the mean over ten
draws of the labelled images.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
import typer

from dcgan.models.networks import Discriminator
from training.data.sampler import random_generator, sample_per_class
from training.experiments.supervised import Hyperparameters, LabelledImages, fine_tune
from training.metrics import linear_svm
from training.metrics.linear_svm import LabelledFeatures, LinearSVM

SEED = 12
CLASSES, PER_CLASS, DRAWS, CHOOSING = 10, 400, 10, 2
"""Number of classes, labels per class in a draw, reported draws, and draws to choose settings."""
VALIDATION = 0.2
"""Share of the training images held out for choosing C."""
RATES, TUNING_EPOCHS = (1e-4, 3e-4), 12
"""Learning rates that are tried for fine-tuning, and its epochs."""


def accuracy_all_labels(
    rows: LabelledFeatures, aside: LabelledFeatures, cs: Sequence[float]
) -> tuple[dict[str, float], LinearSVM]:
    """Fit an SVM on all labels and measure its accuracy.

    C is chosen on a validation part of `rows`; the final SVM is fitted on all of them. Returns c,
    validation accuracy and accuracy on `aside`, and the SVM.
    """
    kept = len(rows.labels) - int(VALIDATION * len(rows.labels))
    part, rest = rows[:kept], rows[kept:]
    fitted: list[LinearSVM] = []

    def validation(c: float) -> float:
        fitted.append(part.fit(c, fitted[-1] if fitted else None))
        return rest.accuracy(fitted[-1])

    c, accuracy = linear_svm.choose_c(cs, validation)
    best = fitted[cs.index(c)]
    final = linear_svm.fit_svm(
        rows.features, rows.labels, c, classes=CLASSES, start=best
    )  # axes pay for many
    return {"c": c, "validation": accuracy, "accuracy": aside.accuracy(final)}, final


def accuracy_few_labels(
    rows: LabelledFeatures, aside: LabelledFeatures, cs: Sequence[float]
) -> dict[str, float]:
    """Measure the accuracy of SVMs fitted on 400 labels per class, over ten draws.

    C is chosen over separate draws, on images that are in none of these. Returns c, accuracy,
    deviation and draws.
    """
    choosing, other = validation_draws(rows.labels)
    validation, parts = rows[other], [rows[drawn] for drawn in choosing]
    c, _ = linear_svm.choose_c(
        cs, lambda c: mean(validation.accuracy(part.fit(c)) for part in parts)
    )
    drawn = (rows[part] for part in reported_draws(rows.labels, DRAWS))
    return {"c": c, **mean_and_deviation(aside.accuracy(part.fit(c)) for part in drawn)}


def accuracy_fine_tuned(
    network: Discriminator, known: LabelledImages, asked: LabelledImages, draws: int
) -> dict[str, Any]:
    """Measure the accuracy of D fine-tuned on 400 labels per class, over `draws` draws.

    "untrained" holds the same for random initial weights, on the first draw only.
    """
    torch.manual_seed(SEED)
    (choosing, *_), other = validation_draws(known.labels)
    parts = reported_draws(known.labels, draws)

    def accuracy(
        begun: Discriminator, rate: float, drawn: np.ndarray, aside: LabelledImages
    ) -> float:
        setting = Hyperparameters(rate, decay=1e-2, batch=64, dropped=0.0)
        with typer.progressbar(length=TUNING_EPOCHS, label="fine-tuning") as shown:
            error = fine_tune(
                copy.deepcopy(begun), CLASSES, setting, TUNING_EPOCHS, known[drawn], aside,
                lambda: shown.update(1),
            )  # fmt: skip
        return round(1 - error, 4)

    def row(begun: Discriminator, parts: Sequence[np.ndarray]) -> dict[str, float]:
        rate = max(RATES, key=lambda rate: accuracy(begun, rate, choosing, known[other]))
        return {
            "rate": rate,
            **mean_and_deviation(accuracy(begun, rate, part, asked) for part in parts),
        }

    return {
        **row(network, parts),
        "untrained": row(Discriminator(network.config), parts[:1]),
        "epochs": TUNING_EPOCHS,
    }


def validation_draws(labels: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the draws for choosing settings, and validation rows that are in none of them."""
    choosing = [draw(labels, number) for number in range(CHOOSING)]
    other = np.setdiff1d(np.arange(len(labels)), np.concatenate(choosing))
    return choosing, other[: CLASSES * PER_CLASS]


def reported_draws(labels: np.ndarray, draws: int) -> list[np.ndarray]:
    """Return the draws that are reported; the first ones are those for choosing settings."""
    return [draw(labels, CHOOSING + number) for number in range(draws)]


def draw(labels: np.ndarray, number: int) -> np.ndarray:
    """Return the sorted rows of draw `number`, with `PER_CLASS` of each class."""
    return np.sort(
        sample_per_class(labels, CLASSES, PER_CLASS, random_generator(SEED, "labels", number))
    )


def mean_and_deviation(accuracies: Iterable[float]) -> dict[str, float]:
    """Return mean and number of accuracies and, for more than one, their standard deviation."""
    found = list(accuracies)
    deviation = {"deviation": round(stdev(found), 4)} if len(found) > 1 else {}
    return {"accuracy": round(mean(found), 4), **deviation, "draws": len(found)}
