"""Training of the attribute classifiers of faces (smiling, eyeglasses, male, blond hair, bangs).

    python -m training attribute-classifiers --data ../shared/data/faces --out weights/judges

Takes about 5 minutes on one core with bfloat16. Classifier "a" picks exemplars, classifier "b"
measures results. They have different architectures and are trained on disjoint halves of the images
(split by hash, so that a known person is in one half only); neither sees the twelfth that is held
out from G. The labels come with CelebA (all) and LFW (smiling only); they say what an image looks
like to an annotator, not who somebody is. Balanced accuracies on held-out images are 0.90 to 0.96,
and 0.89 to 0.93 for glasses, with 36 positive images; weights/judges/README.md lists them all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan.analysis.classifiers import (
    IMAGE_SIZE,
    AttributeClassifier,
    ClassifierConfig,
    classify_images,
    save_classifier,
)
from dcgan.media import images
from training.data.datasets import (
    DEFAULT_HELD_OUT,
    AttributeDataset,
    load_attributes,
    to_channels_last,
)
from training.data.readers import DataError
from training.data.sampler import random_generator

ATTRIBUTES = ("smiling", "eyeglasses", "male", "blond_hair", "bangs")
CLASSIFIERS = {
    "a": ClassifierConfig("plain", ATTRIBUTES, (32, 64, 128, 256)),
    "b": ClassifierConfig("residual", ATTRIBUTES, (16, 32, 64, 128)),
}
CELL_LABELS = {
    "smiling man": {"smiling": 1, "male": 1},
    "smiling woman": {"smiling": 1, "male": 0},
    "man with glasses": {"eyeglasses": 1, "male": 1},
    "woman with glasses": {"eyeglasses": 1, "male": 0},
}
"""Combinations of attributes whose joint recall is reported."""
EPOCHS, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 12, 64, 2e-3, 0.05
MAX_SHIFT = 3
"""Largest random shift of a training image, in pixels."""


def train_classifiers(
    data: str, out: Path, say: Callable[[str], None], epochs: int = EPOCHS
) -> dict[str, dict[str, Any]]:
    """Train both classifiers and write them to `out`.

    Returns the number of training images and the `validation_report` of each, by name. Raises
    DataError if a column is missing or constant.
    """
    everything = load_attributes(data, IMAGE_SIZE, 3, ATTRIBUTES)
    known = everything[np.any(everything.labels >= 0, axis=1)]
    held_out = known[known.places < DEFAULT_HELD_OUT]
    middle = (1 + DEFAULT_HELD_OUT) / 2
    kept = known[known.places >= DEFAULT_HELD_OUT]
    halves = {"a": kept[kept.places < middle], "b": kept[kept.places >= middle]}
    reports = {}
    for number, (name, config) in enumerate(CLASSIFIERS.items()):
        classifier = train_classifier(
            config, halves[name], number, epochs, lambda line, n=name: say(f"{n}: {line}")
        )
        reports[name] = {
            "trained_on": len(halves[name].names),
            "held_out": validation_report(classifier, held_out),
        }
        save_classifier(out, name, classifier, reports[name])
    return reports


def train_classifier(
    config: ClassifierConfig,
    part: AttributeDataset,
    seed: int,
    epochs: int,
    say: Callable[[str], None],
) -> AttributeClassifier:
    """Train a classifier with class-balanced cross-entropy over the known labels.

    Raises DataError if a column does not contain both 0 and 1.
    """
    labels = torch.from_numpy(part.labels.astype(np.float32))
    weights = _label_weights(part.labels)
    torch.manual_seed(seed)
    classifier = AttributeClassifier(config).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)
    optimizer = torch.optim.AdamW(classifier.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = len(labels) // BATCH_SIZE
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps * epochs
    )
    for epoch in range(epochs):
        order = random_generator(seed, "judge's order", epoch).permutation(len(labels))
        total = 0.0
        for step in range(steps):
            rows = order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
            pictures = augment_images(
                part.pictures[rows], random_generator(seed, "vary", epoch * steps + step)
            )
            with torch.autocast("cpu", torch.bfloat16):
                logits = classifier(pictures)
            losses = F.binary_cross_entropy_with_logits(
                logits.float(), labels[rows].clamp(min=0), weights[rows], reduction="sum"
            )
            loss = losses / weights[rows].sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        say(f"epoch {epoch + 1} of {epochs}, loss {total / steps:.3f}")
    return classifier.eval().requires_grad_(False)


def _label_weights(labels: np.ndarray) -> Tensor:
    """Return loss weights (N, columns): 0 for unknown labels; 0 and 1 get equal total weight."""
    counts = {value: (labels == value).sum(axis=0) for value in (0, 1)}
    if not all(c.all() for c in counts.values()):
        raise DataError("every column that is learned must have pictures of both 0 and 1")
    known = counts[0] + counts[1]
    weights = sum((labels == value) * known / (2 * count) for value, count in counts.items())
    return torch.from_numpy(np.asarray(weights, np.float32))


def augment_images(pictures: np.ndarray, generator: np.random.Generator) -> Tensor:
    """Augment images (N, C, H, W) uint8: flip, blur, contrast, brightness, shift; in [-1, 1].

    Some images are blurred because samples of G tend to be soft. One shift is shared by the batch.
    """
    x = torch.from_numpy(images.from_uint8(pictures, "tanh"))
    count = len(x)
    flip = torch.from_numpy(generator.random(count) < 0.5)
    x[flip] = x[flip].flip(3)
    soft = torch.from_numpy(generator.random(count) < 0.3)
    x[soft] = F.avg_pool2d(F.pad(x[soft], (1, 1, 1, 1), mode="replicate"), 3, 1)
    gain = torch.from_numpy(generator.uniform(0.7, 1.3, (count, 1, 1, 1)).astype(np.float32))
    level = torch.from_numpy(generator.uniform(-0.2, 0.2, (count, 1, 1, 1)).astype(np.float32))
    x = (x * gain + level).clamp(-1, 1)
    dy, dx = generator.integers(0, 2 * MAX_SHIFT + 1, 2)
    x = F.pad(x, (MAX_SHIFT,) * 4, mode="replicate")[
        :, :, dy : dy + IMAGE_SIZE, dx : dx + IMAGE_SIZE
    ]
    return x.contiguous(memory_format=torch.channels_last)


def validation_report(
    classifier: AttributeClassifier, held_out: AttributeDataset
) -> dict[str, Any]:
    """Measure a classifier on held-out images.

    Returns for each output its accuracy, balanced accuracy and the counts of both labels, and as
    "cells" the joint recall of each combination in `CELL_LABELS`.
    """
    outputs = classifier.config.outputs
    said = {
        name: logits > 0
        for name, logits in classify_images(classifier, to_channels_last(held_out.pictures)).items()
    }
    label = {name: held_out.labels[:, column] for column, name in enumerate(outputs)}
    found: dict[str, Any] = {}
    for name in outputs:
        yes, no = (label[name] == value for value in (1, 0))
        right_yes, right_no = said[name][yes], ~said[name][no]
        found[name] = {
            "accuracy": round(float(np.mean([*right_yes, *right_no])), 4),
            "balanced": round(float(right_yes.mean() + right_no.mean()) / 2, 4),
            "yes": int(yes.sum()),
            "no": int(no.sum()),
        }
    found["cells"] = {}
    for cell, wanted in CELL_LABELS.items():
        there = np.all([label[name] == value for name, value in wanted.items()], axis=0)
        right = np.all([said[name] == bool(value) for name, value in wanted.items()], axis=0)
        found["cells"][cell] = {"found": int((there & right).sum()), "of": int(there.sum())}
    return found
