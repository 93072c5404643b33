"""Attribute directions: steps in z that change one attribute of an image and others little.

Latents are sampled from the prior, whose components are independent, and an attribute score of
their images is regressed on them. The regression is linear because one vector is wanted for all
images (correlations on held-out samples of 0.75 to 0.9 show how far that holds). Four methods are
compared:

    regression   weights of a ridge regression of the classifier's score; the penalty is chosen by
                 cross-validation
    alone        the same, made orthogonal to the weights of all other attributes: to first order it
                 changes no other score
    labels       as `regression`, with the score of a linear probe on D's features that was trained
                 on labelled photographs
    exemplars    difference of the mean exemplars at the two ends of one of the model's turns

All directions have the length of a principal direction, one standard deviation of the prior, so
that an amount means the same on all sliders. For each attribute the method with the largest effect
size minus off-target effect on new samples is shipped, as measured by the same classifier; an
independent classifier evaluates the result (`python -m training run directions`).
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
"""Numbers of samples for fitting, in all and for slow scores, by kind of model."""
CHOICE_SAMPLES, CHOICE_SAMPLES_WITH_LANDMARKS = 60, 20
"""Numbers of samples for comparing the methods, in all and for slow scores."""
RIDGE_PENALTIES = np.logspace(-1, 4, 11)
"""Penalties among which cross-validation chooses."""
EXEMPLAR_PAIRS = {
    "smile": ("neutral", "smiling"),
    "glasses": ("without glasses", "with glasses"),
    "male": ("woman", "man"),
    "blond": ("dark hair", "blond hair"),
    "bangs": ("no bangs", "bangs"),
    YAW: SIDES,
}
"""Direction -> names of the exemplars at its start and end, for the method `exemplars`."""

Vectors = dict[str, np.ndarray]


class DirectionError(ValueError):
    """An attribute that does not vary over the samples; the message says which."""


@dataclass(frozen=True)
class FittedDirections:
    """Directions fitted by all methods.

    ways: {method: {attribute: step in z (z_size,)}}; a method may lack some attributes. score_std:
    {attribute: standard deviation of its score over samples}. linear: {attribute: cross-validated
    correlation of the score and its linear prediction}. probe_auc: of the probes, by features.
    """

    ways: dict[str, Vectors]
    score_std: dict[str, float]
    linear: dict[str, float]
    probe_auc: dict[str, dict[str, float]]


def fit_directions(model: Model, seeing: ScorerPair, count: int, looked: int) -> FittedDirections:
    """Fit the directions of all attributes by all methods.

    count: number of samples; looked: number of those scored by slow scorers. Raises DirectionError
    if a score is constant or has too few samples.
    """
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
    return FittedDirections(steps, score_std, linear, seeing.probe_auc)


def _ridge_direction(name: str, zs: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, float]:
    """Return ridge weights (z_size,) and the cross-validated correlation with the score."""
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
    """Return for each vector one that is orthogonal to all others.

    These are the columns of the pseudo-inverse (the dual basis).
    """
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
    """Render any latents (N, z_size), rounded to 1/4096: (N, H, W, 3) uint8."""
    return model.render([model.spec(At(tuple(z))) for z in zs])


def score_changes(
    model: Model, seeing: AttributeScorer, step: np.ndarray, seed: int, count: int, looked: int
) -> dict[str, np.ndarray]:
    """Return the change of each score per step, (count,), as a central difference.

    Scores `count` samples one step before and one step after.
    """
    config = model.config
    zs = operations.draw_latents(seed, 0, count, config.z_size, config.prior)
    less, more = (seeing(render_latents(model, zs + sign * step), looked) for sign in (-1, 1))
    return {name: (more[name] - less[name]) / 2 for name in more}


def effect_sizes(
    found: Mapping[str, np.ndarray], score_std: Mapping[str, float]
) -> dict[str, float]:
    """Return the mean changes in standard deviations of the scores over samples."""
    return {name: float(np.nanmean(by)) / score_std[name] for name, by in found.items()}


def off_target_effect(name: str, moved: Mapping[str, float]) -> float:
    """Return the root of the sum of squared effect sizes on all other attributes."""
    return float(np.sqrt(sum(by**2 for other, by in moved.items() if other != name)))


def choose_directions(
    model: Model, seeing: ScorerPair, fitted: FittedDirections
) -> dict[str, tuple[str, np.ndarray]]:
    """Return the best method and its step for each attribute, measured on new samples."""
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
