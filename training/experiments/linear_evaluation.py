"""How well CIFAR-10's classes are told apart: from all labels, and from 400 a class (section 5.1).

Accuracies are shares of the pictures aside. With 400 a class it is the mean of ten draws.
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
VALIDATION = 0.2
RATES, TUNING_EPOCHS = (1e-4, 3e-4), 12


def accuracy_all_labels(
    rows: LabelledFeatures, aside: LabelledFeatures, cs: Sequence[float]
) -> tuple[dict[str, float], LinearSVM]:
    """C by a part of the rows, then all of them: accuracy on those aside, and what was fitted."""
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
    """From 400 pictures a class, C by pictures that are in none of the draws it is chosen over."""
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
    """Accuracy from 400 pictures a class of D with all its weights trained on, and of the same
    network from random weights, which sees only the first of the draws."""
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
    """The draws that settings are chosen over, and as many rows that are in none of them."""
    choosing = [draw(labels, number) for number in range(CHOOSING)]
    other = np.setdiff1d(np.arange(len(labels)), np.concatenate(choosing))
    return choosing, other[: CLASSES * PER_CLASS]


def reported_draws(labels: np.ndarray, draws: int) -> list[np.ndarray]:
    """The draws after those."""
    return [draw(labels, CHOOSING + number) for number in range(draws)]


def draw(labels: np.ndarray, number: int) -> np.ndarray:
    """Sorted rows of draw `number`: `PER_CLASS` of each class."""
    return np.sort(
        sample_per_class(labels, CLASSES, PER_CLASS, random_generator(SEED, "labels", number))
    )


def mean_and_deviation(accuracies: Iterable[float]) -> dict[str, float]:
    """Of some draws the mean and, of more than one, the standard deviation."""
    found = list(accuracies)
    deviation = {"deviation": round(stdev(found), 4)} if len(found) > 1 else {}
    return {"accuracy": round(mean(found), 4), **deviation, "draws": len(found)}
