"""Attribute scores of images, with which attribute directions are fitted and measured.

Faces are scored by an attribute classifier; age, which it does not predict, by a linear probe on
features, fitted to CelebA's label `young`; yaw, by landmarks. Probes for all labels can also be
fitted on D's features (`fit_probes`). Rooms are scored by the share of window pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from scipy.special import expit

from dcgan.analysis import classifiers, features
from dcgan.analysis.classifiers import BATCH_SIZE, IMAGE_SIZE, AttributeClassifier
from dcgan.media import images
from dcgan.models.networks import Discriminator
from dcgan.rendering.engine import Model
from training.attributes import window_segmentation
from training.attributes.landmarks import Landmarks
from training.attributes.window_segmentation import COVERAGE_THRESHOLD, WindowSegmenter
from training.data.datasets import (
    DEFAULT_HELD_OUT,
    AttributeDataset,
    load_attributes,
    to_channels_last,
)

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

LABELS = {
    "smile": ("smiling", 1),
    "glasses": ("eyeglasses", 1),
    "male": ("male", 1),
    "blond": ("blond_hair", 1),
    "bangs": ("bangs", 1),
    "age": ("young", -1),
}
"""Name of a direction -> label column and sign.

LFW has only `smiling` and the third source has no labels, so that all attributes but smiles are
learned from CelebA.
"""
YAW, WINDOWS = "yaw", "windows"
REGULARISATION_C = 1e-3
"""C of the probes' L2 regularisation, chosen from 1e-4, 1e-3 and 1e-2 on held-out images for the
features of both classifiers."""

Features = Callable[[np.ndarray], np.ndarray]
"""Function from images (N, H, W, 3) uint8 to features (N, d)."""


class AttributeScorer(Protocol):
    """Scores images by several attributes.

    names: attributes that are scored. logit_names: those whose scores are logits.
    """

    names: tuple[str, ...]
    logit_names: tuple[str, ...]

    def __call__(self, pictures: np.ndarray, looked: int) -> dict[str, np.ndarray]:
        """Return scores (N,) by attribute of images (N, 64, 64, 3) uint8.

        Slow scores are computed for the first `looked` images only and are NaN for all others, and
        where they are undefined (no face found).
        """
        ...


class LinearProbeScorer:
    """Linear probes on features: images (N, H, W, 3) uint8 -> scores (N,) by direction."""

    def __init__(self, of: Features, probes: Mapping[str, Pipeline]) -> None:
        self._of, self._probes, self.names = of, probes, tuple(probes)

    def __call__(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        rows = self._of(pictures)
        return {name: probe.decision_function(rows) for name, probe in self._probes.items()}


class FaceScorer:
    """Scores faces by a classifier, by probes for further attributes, and by landmarks (yaw)."""

    def __init__(self, classifier: AttributeClassifier, reading: LinearProbeScorer | None) -> None:
        self._network, self._reading, self._landmarks = classifier, reading, Landmarks()
        columns = set(classifier.config.outputs)
        self._labels = {name: label for name, (label, _) in LABELS.items() if label in columns}
        self.logit_names = (*self._labels, *(reading.names if reading else ()))
        self.names = (*self.logit_names, YAW)

    def __call__(self, pictures: np.ndarray, looked: int) -> dict[str, np.ndarray]:
        logits = classifiers.classify_images(self._network, pictures)
        scores = {name: logits[label] for name, label in self._labels.items()}
        yaw = np.full(len(pictures), np.nan)
        yaw[:looked] = self._landmarks.yaw(pictures[:looked])
        return {**scores, **(self._reading(pictures) if self._reading else {}), YAW: yaw}


class RoomScorer:
    """Scores rooms by the share of pixels that the segmenter classifies as window."""

    names, logit_names = (WINDOWS,), ()

    def __init__(self, segmenter: WindowSegmenter) -> None:
        self._network = segmenter

    def __call__(self, pictures: np.ndarray, looked: int) -> dict[str, np.ndarray]:
        share = np.full(len(pictures), np.nan)
        coverage, _ = self._network(pictures[:looked])
        share[:looked] = (coverage >= COVERAGE_THRESHOLD).mean(axis=(1, 2))
        return {WINDOWS: share}


def display_scores(seeing: AttributeScorer, name: str, scores: np.ndarray) -> np.ndarray:
    """Return scores as they are displayed: logits as probabilities, all others unchanged."""
    return expit(scores) if name in seeing.logit_names else scores


def classifier_features(classifier: AttributeClassifier) -> Features:
    """Return the feature function of an attribute classifier."""

    @torch.inference_mode()
    def of(pictures: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [
                classifier.features(
                    torch.from_numpy(images.from_uint8(part.transpose(0, 3, 1, 2), "tanh"))
                ).numpy()
                for part in np.split(pictures, range(BATCH_SIZE, len(pictures), BATCH_SIZE))
            ]
        )

    return of


def discriminator_features(network: Discriminator) -> Features:
    """Return the feature function of a discriminator, see `dcgan.analysis.features`."""

    @torch.inference_mode()
    def of(pictures: np.ndarray) -> np.ndarray:
        parts = np.split(
            pictures.transpose(0, 3, 1, 2), range(BATCH_SIZE, len(pictures), BATCH_SIZE)
        )
        whole = map(np.ascontiguousarray, parts)
        return np.concatenate([features.extract_features(network, part).numpy() for part in whole])

    return of


class LabelledFaces:
    """Photographs of faces with all labels of `LABELS`: two halves, and those held out from G.

    The halves are the training data of the classifiers "a" and "b", so that fitting on one half and
    measuring with the other share no image.
    """

    def __init__(self, data: str) -> None:
        """Load the data set. Raises DataError if a column is missing."""
        everything = load_attributes(data, IMAGE_SIZE, 3, [label for label, _ in LABELS.values()])
        known = everything[np.all(everything.labels >= 0, axis=1)]
        middle = (1 + DEFAULT_HELD_OUT) / 2
        kept = known.places >= DEFAULT_HELD_OUT
        self.held_out = known[~kept]
        self.halves = {
            "a": known[kept & (known.places < middle)],
            "b": known[known.places >= middle],
        }


def fit_probes(
    of: Features, part: AttributeDataset, held_out: AttributeDataset, names: Sequence[str]
) -> tuple[dict[str, Pipeline], dict[str, Any]]:
    """Fit a logistic regression per label on features.

    Returns the probes and their AUC on held-out images, by name.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, others = of(to_channels_last(part.pictures)), of(to_channels_last(held_out.pictures))
    found, probe_auc = {}, {}
    for name in names:
        probe = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=REGULARISATION_C, class_weight="balanced", max_iter=1000),
        )
        found[name] = probe.fit(rows, attribute_labels(part, name))
        auc = roc_auc_score(attribute_labels(held_out, name), probe.decision_function(others))
        probe_auc[name] = round(float(auc), 4)
    return found, probe_auc


def attribute_labels(part: AttributeDataset, name: str) -> np.ndarray:
    """Return whether each image is labelled with a direction's attribute, booleans (N,)."""
    label, sign = LABELS[name]
    column = [label for label, _ in LABELS.values()].index(label)
    return part.labels[:, column] == (1 if sign > 0 else 0)


@dataclass(frozen=True)
class ScorerPair:
    """Two independent scorers: `fitting` fits and selects directions, `measuring` evaluates them.

    by_labels: scores of probes on D's features (None: no labelled data). probe_auc: of all probes,
    by their features. classifier_report: validation of the measuring classifier.
    """

    fitting: AttributeScorer
    measuring: AttributeScorer
    by_labels: Callable[[np.ndarray], dict[str, np.ndarray]] | None
    probe_auc: dict[str, dict[str, float]]
    classifier_report: dict[str, object]


def make_scorers(kind: str, model: Model, folder: Path, data: str | None) -> ScorerPair:
    """Create the scorers of a model.

    kind: "faces" or "rooms". data: labelled faces; without them age is not scored.

    Age is fitted with a probe on the features of classifier a and measured with one on D's
    features, trained on the other half of the images. (The features of classifier b hold little
    more about age than the other labels: an AUC of 0.78, where those labels alone give 0.73.)

    Raises CheckpointError if a classifier is missing and DataError for data without labels.
    """
    if kind == "rooms":
        segmenter, facts = window_segmentation.load_segmenter(folder)
        return ScorerPair(RoomScorer(segmenter), RoomScorer(segmenter), None, {}, facts)
    (fitting, _), (measuring, facts) = (classifiers.load_classifier(folder, name) for name in "ab")
    if data is None:
        return ScorerPair(FaceScorer(fitting, None), FaceScorer(measuring, None), None, {}, facts)
    real, probe_auc = LabelledFaces(data), {}

    def read(by: str, of: Features, half: str, names: Sequence[str]) -> LinearProbeScorer:
        found, probe_auc[by] = fit_probes(of, real.halves[half], real.held_out, names)
        return LinearProbeScorer(of, found)

    of_d = discriminator_features(model.checkpoint.discriminator())
    unsaid = [n for n, (label, _) in LABELS.items() if label not in fitting.config.outputs]
    finds = read("judge a", classifier_features(fitting), "a", unsaid)
    labelled = read("D", of_d, "a", list(LABELS))
    measures = read("D, from the other half", of_d, "b", unsaid)
    return ScorerPair(
        FaceScorer(fitting, finds), FaceScorer(measuring, measures), labelled, probe_auc, facts
    )
