"""What pictures show, in numbers: by these named directions are found, and measured.

Of faces what a judge was trained to say; age, which it was not, by a linear probe on the judge's
own features, from CelebA's label `young`; and where the face looks, by its landmarks. The same
labels can be read from D's features instead (`probes`). Of rooms, how much of them is window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from dcgan import features, images, judges
from dcgan.engine import Model
from dcgan.judges import BATCH, SIZE, Judge
from dcgan.networks import Discriminator
from training import windows
from training.data import HELD_OUT, Attributed, load_attributes, shown
from training.landmarks import Landmarks
from training.windows import FOUND, WindowJudge

LABELS = {
    "smile": ("smiling", 1),
    "glasses": ("eyeglasses", 1),
    "male": ("male", 1),
    "blond": ("blond_hair", 1),
    "bangs": ("bangs", 1),
    "age": ("young", -1),
}
"""A direction's name -> the label that says it, and with which sign. LFW has `smiling` alone, the
third source none, so that all but smiles is learned from CelebA."""
YAW, WINDOWS = "yaw", "windows"
C = 1e-3
"""Of the probes' L2: of 1e-4, 1e-3 and 1e-2 the one that suits both judges on held-out pictures."""

Features = Callable[[np.ndarray], np.ndarray]
"""Pictures (N, H, W, 3) uint8 -> (N, features)."""


class Seeing(Protocol):
    """names: of what is seen. judged: those whose scores are logits."""

    names: tuple[str, ...]
    judged: tuple[str, ...]

    def __call__(self, pictures: np.ndarray, looked: int) -> dict[str, np.ndarray]:
        """Pictures (N, 64, 64, 3) uint8 -> scores (N,) by name, larger where it is more so.

        What is slow is seen in the first `looked` only, and NaN in all others, as it is where there
        is nothing to be seen.
        """
        ...


class Faces:
    """A judge, probes on its features, and landmarks."""

    def __init__(self, judge: Judge, probes: Mapping[str, Pipeline]) -> None:
        self._judge, self._probes, self._landmarks = judge, probes, Landmarks()
        known = {name: label for name, (label, _) in LABELS.items()}
        columns = {label: column for column, label in enumerate(judge.config.outputs)}
        self._columns = {name: columns[known[name]] for name in LABELS if known[name] in columns}
        self.judged = (*self._columns, *probes)
        self.names = (*self.judged, YAW)

    def __call__(self, pictures: np.ndarray, looked: int) -> dict[str, np.ndarray]:
        found = judge_features(self._judge)(pictures)
        with torch.inference_mode():
            logits = self._judge.score(torch.from_numpy(found)).numpy()
        scores = {name: logits[:, column] for name, column in self._columns.items()}
        scores |= {name: probe.decision_function(found) for name, probe in self._probes.items()}
        yaw = np.full(len(pictures), np.nan)
        yaw[:looked] = self._landmarks.yaw(pictures[:looked])
        return {**scores, YAW: yaw}


class Rooms:
    """The judge of windows: the share of a picture's pixels that it finds to be window."""

    names, judged = (WINDOWS,), ()

    def __init__(self, judge: WindowJudge) -> None:
        self._judge = judge

    def __call__(self, pictures: np.ndarray, looked: int) -> dict[str, np.ndarray]:
        share = np.full(len(pictures), np.nan)
        coverage, _ = self._judge(pictures[:looked])
        share[:looked] = (coverage >= FOUND).mean(axis=(1, 2))
        return {WINDOWS: share}


def stated(seeing: Seeing, name: str, scores: np.ndarray) -> np.ndarray:
    """Scores as people are told of them: of logits the probability, all others as they are."""
    return expit(scores) if name in seeing.judged else scores


def judge_features(judge: Judge) -> Features:
    @torch.inference_mode()
    def of(pictures: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [
                judge.features(
                    torch.from_numpy(images.from_uint8(part.transpose(0, 3, 1, 2), "tanh"))
                ).numpy()
                for part in np.split(pictures, range(BATCH, len(pictures), BATCH))
            ]
        )

    return of


def discriminator_features(network: Discriminator) -> Features:
    """See dcgan/features.py."""

    @torch.inference_mode()
    def of(pictures: np.ndarray) -> np.ndarray:
        parts = np.split(pictures.transpose(0, 3, 1, 2), range(BATCH, len(pictures), BATCH))
        whole = map(np.ascontiguousarray, parts)
        return np.concatenate([features.features(network, part).numpy() for part in whole])

    return of


class Labelled:
    """Real faces whose every label in `LABELS` is known: two halves, and those held out from G.

    The halves are those that the judges "a" and "b" were trained on, so that what is fitted on one
    and what is measured with the other have no picture in common.
    """

    def __init__(self, data: str) -> None:
        """Raises DataError where a column is missing."""
        everything = load_attributes(data, SIZE, 3, [label for label, _ in LABELS.values()])
        known = everything[np.all(everything.labels >= 0, axis=1)]
        middle = (1 + HELD_OUT) / 2
        kept = known.places >= HELD_OUT
        self.held_out = known[~kept]
        self.halves = {
            "a": known[kept & (known.places < middle)],
            "b": known[known.places >= middle],
        }


def probes(
    of: Features, part: Attributed, held_out: Attributed, names: Sequence[str]
) -> tuple[dict[str, Pipeline], dict[str, Any]]:
    """Logistic regressions of labels by features, and what each is worth on held-out pictures:
    the chance that of two, one with the label and one without, they are in that order (AUC)."""
    rows, others = of(shown(part.pictures)), of(shown(held_out.pictures))
    found, worth = {}, {}
    for name in names:
        probe = make_pipeline(
            StandardScaler(), LogisticRegression(C=C, class_weight="balanced", max_iter=1000)
        )
        found[name] = probe.fit(rows, labels(part, name))
        auc = roc_auc_score(labels(held_out, name), probe.decision_function(others))
        worth[name] = round(float(auc), 4)
    return found, worth


def labels(part: Attributed, name: str) -> np.ndarray:
    """(N,): does a picture show what a direction is named for, as people labelled it?"""
    label, sign = LABELS[name]
    column = [label for label, _ in LABELS.values()].index(label)
    return part.labels[:, column] == (1 if sign > 0 else 0)


@dataclass(frozen=True)
class Instruments:
    """What sees: `fitting` finds and chooses directions, `measuring` says what they are worth.

    by_labels: scores of the probes on D's features, where there are labels. worth: of all probes,
    by whose features they use; judge: what the measuring judge is worth.
    """

    fitting: Seeing
    measuring: Seeing
    by_labels: Callable[[np.ndarray], dict[str, np.ndarray]] | None
    worth: dict[str, dict[str, float]]
    judge: dict[str, object]


def instruments(kind: str, model: Model, folder: Path, data: str | None) -> Instruments:
    """kind: "faces" or "rooms". data: labelled faces, without which there is no age.

    Raises CheckpointError for judges that are not there, DataError for data without labels.
    """
    if kind == "rooms":
        judge, facts = windows.load(folder)
        return Instruments(Rooms(judge), Rooms(judge), None, {}, facts)
    loaded = {name: judges.load(folder, name) for name in "ab"}
    (fitting, _), (measuring, facts) = loaded = [judges.load(folder, name) for name in "ab"]
    if data is None:
        return Instruments(Faces(fitting, {}), Faces(measuring, {}), None, {}, facts)
    real, faces, worth = Labelled(data), {}, {}
    for name, (judge, _) in zip("ab", loaded, strict=True):
        missing = [n for n in LABELS if LABELS[n][0] not in judge.config.outputs]
        of, half = judge_features(judge), real.halves[name]
        probed, worth[f"judge {name}"] = probes(of, half, real.held_out, missing)
        faces[name] = Faces(judge, probed)
    of_d = discriminator_features(model.checkpoint.discriminator())
    by_d, worth["D"] = probes(of_d, real.halves["a"], real.held_out, list(LABELS))

    def by_labels(pictures: np.ndarray) -> dict[str, np.ndarray]:
        rows = of_d(pictures)
        return {name: probe.decision_function(rows) for name, probe in by_d.items()}

    return Instruments(faces["a"], faces["b"], by_labels, worth, facts)
