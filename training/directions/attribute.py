"""Named directions: steps in z along which pictures come to show one thing, and others little.

z is drawn from the prior, whose components are independent, and what a classifier says of the
pictures is regressed on it: linearly, because what is wanted is one vector for all pictures (the
held-out correlations say how much of it is linear: 0.75 to 0.9). Four ways to find a vector are
compared:

    regression   the weights of a ridge regression of the classifier's score; the L2 is the one that
                 predicts left-out samples best
    alone        the same, at right angles to the weights of everything else that is seen: moves
                 no other score, as far as scores are linear in z
    labels       as `regression`, of the score of a linear probe on D's features, which was trained
                 on people's labels of real pictures
    exemplars    between the means of the exemplars of one of the model's shipped turns

All are as long as a principal direction's step, one standard deviation of the prior, so that an
amount means the same of all sliders. Shipped is the way that moves what it is named for furthest
beyond all else that it moves, as the same classifier sees other samples; another classifier
measures what is shipped (`python -m training run directions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dcgan.latents import operations
from dcgan.latents.spec import At
from dcgan.rendering.engine import Model
from training.attributes.exemplars import SIDES, exemplar_mean
from training.attributes.scores import YAW, AttributeScorer, ScorerPair
from training.directions.principal import STANDARD_DEVIATION

FIT_SEED, CHOICE_SEED = 31, 32
SAMPLE_COUNTS = {"faces": (3000, 1000), "rooms": (2500, 2500)}
"""Samples that a direction is fitted on, and how many of them for what is slow to see."""
CHOICE_SAMPLES, CHOICE_SAMPLES_WITH_LANDMARKS = 60, 20
"""Samples that ways are compared on, and how many for what is slow to see."""
RIDGE_PENALTIES = np.logspace(-1, 4, 11)
EXEMPLAR_PAIRS = {
    "smile": ("neutral", "smiling"),
    "glasses": ("without glasses", "with glasses"),
    "male": ("woman", "man"),
    "blond": ("dark hair", "blond hair"),
    "bangs": ("no bangs", "bangs"),
    YAW: SIDES,
}
"""Exemplars from whose mean to whose a direction can go."""

Vectors = dict[str, np.ndarray]


class DirectionError(ValueError):
    """Samples that show nothing of what a direction is to be named for; a sentence."""


@dataclass(frozen=True)
class FittedDirections:
    """ways: {way: {name: step in z (z_size,)}}, where a way has no name for all of them.

    score_std: {name: standard deviation of the score over samples}. linear: {name: correlation of
    left-out samples' scores with what the regression says}. worth: of the probes, by whose features
    they use.
    """

    ways: dict[str, Vectors]
    score_std: dict[str, float]
    linear: dict[str, float]
    worth: dict[str, dict[str, float]]


def fit_directions(model: Model, seeing: ScorerPair, count: int, looked: int) -> FittedDirections:
    """Every way to every name. Raises NamedError where a score is the same for all samples."""
    config = model.config
    zs = operations.draw_latents(FIT_SEED, 0, count, config.z_size, config.prior)
    pictures = render_latents(model, zs)
    scores = seeing.fitting(pictures, looked)
    weights, linear = {}, {}
    for name, score in scores.items():
        weights[name], linear[name] = _ridge_direction(name, zs, score)
    length = STANDARD_DEVIATION[config.prior]
    ways = {"regression": weights}
    if len(weights) > 1:
        ways["alone"] = _orthogonalise(weights)
    if seeing.by_labels:
        labelled = seeing.by_labels(pictures)
        ways["labels"] = {name: _ridge_direction(name, zs, s)[0] for name, s in labelled.items()}
    if pairs := _pair_directions(model, scores):
        ways["exemplars"] = pairs
    steps = {way: {n: length * _unit(v) for n, v in named.items()} for way, named in ways.items()}
    score_std = {name: float(np.nanstd(score)) for name, score in scores.items()}
    return FittedDirections(steps, score_std, linear, seeing.worth)


def _ridge_direction(name: str, zs: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, float]:
    """The weights (z_size,), and the correlation of left-out scores with their predictions."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import cross_val_predict

    there = ~np.isnan(score)
    if there.sum() < 2 * zs.shape[1] or np.ptp(score[there]) == 0:
        raise DirectionError(
            f"{name!r} can't be told apart in the {there.sum():,} samples that show it: draw more, "
            "or give another model"
        )
    ridge = RidgeCV(RIDGE_PENALTIES).fit(zs[there], score[there])
    predicted = np.asarray(cross_val_predict(ridge, zs[there], score[there], cv=5))
    correlation = float(np.corrcoef(predicted, score[there])[0, 1])
    return np.asarray(ridge.coef_), round(correlation, 4)


def _orthogonalise(weights: Vectors) -> Vectors:
    """Each at right angles to all others."""
    table = np.array([_unit(vector) for vector in weights.values()])
    return dict(zip(weights, np.linalg.pinv(table).T, strict=True))


def _pair_directions(model: Model, scores: Mapping[str, object]) -> Vectors:
    exemplars, config = model.checkpoint.sets["exemplars"], model.config
    found = {}
    for name, ends in EXEMPLAR_PAIRS.items():
        if name in scores and exemplars.keys() >= set(ends):
            first, last = (
                operations.evaluate_latent(
                    exemplar_mean(exemplars[end]), config.z_size, config.prior, {}
                )
                for end in ends
            )
            found[name] = last - first
    return found


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def render_latents(model: Model, zs: np.ndarray) -> np.ndarray:
    """Pictures (N, H, W, 3) uint8 of any z's (N, z_size), to the nearest 1/4096."""
    return model.render([model.spec(At(tuple(z))) for z in zs])


def score_changes(
    model: Model, seeing: AttributeScorer, step: np.ndarray, seed: int, count: int, looked: int
) -> dict[str, np.ndarray]:
    """By name half of what two steps change, from -1 to 1, of each of `count` draws (count,)."""
    config = model.config
    zs = operations.draw_latents(seed, 0, count, config.z_size, config.prior)
    less, more = (seeing(render_latents(model, zs + sign * step), looked) for sign in (-1, 1))
    return {name: (more[name] - less[name]) / 2 for name in more}


def effect_sizes(
    found: Mapping[str, np.ndarray], score_std: Mapping[str, float]
) -> dict[str, float]:
    """Mean changes, in standard deviations of the scores over samples."""
    return {name: float(np.nanmean(by)) / score_std[name] for name, by in found.items()}


def off_target_effect(name: str, moved: Mapping[str, float]) -> float:
    """All that is moved beside what is named, in one number: the root of the sum of squares."""
    return float(np.sqrt(sum(by**2 for other, by in moved.items() if other != name)))


def choose_directions(
    model: Model, seeing: ScorerPair, fitted: FittedDirections
) -> dict[str, tuple[str, np.ndarray]]:
    """By name the way that is best on other samples, and its step."""
    found: dict[str, tuple[float, str, np.ndarray]] = {}
    for way, steps in fitted.ways.items():
        for name, step in steps.items():
            change = score_changes(
                model,
                seeing.fitting,
                step,
                CHOICE_SEED,
                CHOICE_SAMPLES,
                CHOICE_SAMPLES_WITH_LANDMARKS,
            )
            moved = effect_sizes(change, fitted.score_std)
            value = moved[name] - off_target_effect(name, moved)
            if name not in found or value > found[name][0]:
                found[name] = value, way, step
    return {name: (way, step) for name, (_, way, step) in found.items()}
