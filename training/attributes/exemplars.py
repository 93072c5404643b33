"""Selection of a model's exemplars (figures 7 and 8): latents whose samples show an attribute.

    python -m training exemplars weights/faces --sheet exemplars.png

Takes about a minute on 2 cores. Attributes come from a classifier, head poses from landmarks; the
samples of highest confidence are selected. For a sum, many triples of such samples are tried and
the one with the most confident result is kept. Exemplars are therefore hand-picked examples, like
the paper's; `python -m training run arithmetic` measures how often a sum succeeds. Inspect the
sheet, exclude bad samples with --drop and run the command again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from dcgan.analysis.classifiers import AttributeClassifier, classify_images
from dcgan.latents.spec import Draw, Mean, Sum, Z
from dcgan.media import images
from dcgan.models.exemplars import ExemplarSets, parse_latent
from dcgan.rendering.engine import Model
from training.attributes.landmarks import Landmarks
from training.data.sampler import random_generator

POOL_SEED, POOL_SIZE = 1, 2000
MIN_LOGIT = 2.0
"""Smallest logit of a confident classification; it corresponds to a probability of 88%."""
MIN_YAW = 0.4
"""Smallest absolute yaw of a face that looks to a side."""

Shown = Mapping[str, bool]

_PLAIN = {"eyeglasses": False}
_WOMAN, _MAN = {**_PLAIN, "male": False}, {**_PLAIN, "male": True}
SUMMANDS: dict[str, Shown] = {
    "smiling woman": {**_WOMAN, "smiling": True},
    "neutral woman": {**_WOMAN, "smiling": False},
    "neutral man": {**_MAN, "smiling": False},
    "man with glasses": {"male": True, "eyeglasses": True},
    "man without glasses": _MAN,
    "woman without glasses": _WOMAN,
}
"""Terms of the sums: name -> required attributes. Each gets three exemplars."""
SUMS = (
    ("smiling woman", "neutral woman", "neutral man"),
    ("man with glasses", "man without glasses", "woman without glasses"),
)
OUTCOMES: tuple[Shown, ...] = (
    {"male": True, "smiling": True},
    {"male": False, "eyeglasses": True},
)
"""Attributes that the result of a sum should show, in the order of `SUMS`."""
CANDIDATES, TRIES = 12, 150
"""Numbers of samples per term and of random triples from which a sum is chosen."""
SIDES = ("looking left", "looking right")
"""Names of the head poses, with left and right as in the image. Each gets four exemplars."""
ENDS: dict[str, tuple[Shown, ...]] = {
    "neutral": ({**_WOMAN, "smiling": False}, {**_MAN, "smiling": False}),
    "smiling": ({**_WOMAN, "smiling": True}, {**_MAN, "smiling": True}),
    "without glasses": (_MAN,),
    "with glasses": ({"eyeglasses": True, "male": True},),
    "man": ({**_MAN, "smiling": False}, {**_MAN, "smiling": True}),
    "woman": ({**_WOMAN, "smiling": False}, {**_WOMAN, "smiling": True}),
    "dark hair": ({**_WOMAN, "blond_hair": False},),
    "blond hair": ({**_WOMAN, "blond_hair": True},),
    "no bangs": ({**_WOMAN, "bangs": False},),
    "bangs": ({**_WOMAN, "bangs": True},),
}
"""Ends of the turns: name -> kinds of samples. Each gets four exemplars, equally many per kind.

The two ends of a turn use the same mix of women and men, so that they differ in the named attribute
only. Where the data have few of one sex, all exemplars are of the other.
"""
TURNS = (
    SIDES,
    ("neutral", "smiling"),
    ("without glasses", "with glasses"),
    ("man", "woman"),
    ("dark hair", "blond hair"),
    ("no bangs", "bangs"),
)


class ExemplarError(ValueError):
    """Too few samples show what an exemplar needs; the message says which and what to do."""


class Samples:
    """Samples 0 to count - 1 of a seed with their latents, images and classifier logits."""

    def __init__(
        self, model: Model, classifier: AttributeClassifier, seed: int, count: int
    ) -> None:
        self.zs = [Draw(seed, index) for index in range(count)]
        self.pictures = model.render([model.spec(z) for z in self.zs])
        self.logits = classify_images(classifier, self.pictures)

    def most_confident(self, shown: Shown) -> np.ndarray:
        """Return the rows whose confidence exceeds `MIN_LOGIT`, in descending order."""
        margins = confidence(self.logits, shown)
        order = np.argsort(-margins, kind="stable")
        return order[margins[order] > MIN_LOGIT]


def confidence(logits: Mapping[str, np.ndarray], shown: Shown) -> np.ndarray:
    """Return the smallest signed logit over the required attributes, (N,).

    A logit counts as positive where it agrees with `shown`.
    """
    return np.min([logits[name] * (1 if yes else -1) for name, yes in shown.items()], axis=0)


def pick_exemplars(
    model: Model,
    classifier: AttributeClassifier,
    dropped: Collection[str] = (),
    seed: int = POOL_SEED,
    count: int = POOL_SIZE,
) -> ExemplarSets:
    """Return the exemplars, sums and turns of a model of faces.

    dropped: latents, as text, that are excluded. Raises ExemplarError if too few samples show an
    attribute.
    """
    samples = Samples(model, classifier, seed, count)

    def first(name: str, rows: np.ndarray, size: int, most: int) -> list[str]:
        found = [text for text in (str(samples.zs[row]) for row in rows) if text not in dropped]
        if len(found) < size:
            raise ExemplarError(
                f"only {len(found)} of {count} samples surely show {name!r}, and {size} are "
                "needed: draw more, drop fewer, or train the model for longer"
            )
        return found[:most]

    terms = {
        name: first(name, samples.most_confident(shown), 3, CANDIDATES)
        for name, shown in SUMMANDS.items()
    }
    exemplars: dict[str, list[str]] = {}
    for names, outcome in zip(SUMS, OUTCOMES, strict=True):
        chosen = _best_sum(model, classifier, [terms[name] for name in names], outcome, seed)
        exemplars |= zip(names, chosen, strict=True)
    for name, kinds in ENDS.items():
        exemplars[name] = [
            z
            for shown in kinds
            for z in first(name, samples.most_confident(shown), 4 // len(kinds), 4 // len(kinds))
        ]
    yaws = np.nan_to_num(Landmarks().yaw(samples.pictures))
    for name, sideways in zip(SIDES, (-yaws, yaws), strict=True):
        order = np.argsort(-sideways, kind="stable")
        exemplars[name] = first(name, order[sideways[order] > MIN_YAW], 4, 4)
    return {
        "exemplars": exemplars,
        "sums": [list(names) for names in SUMS],
        "turns": [list(names) for names in TURNS],
    }


def _best_sum(
    model: Model,
    classifier: AttributeClassifier,
    terms: Sequence[Sequence[str]],
    outcome: Shown,
    seed: int,
) -> list[list[str]]:
    """Return three latents per term whose sum has the highest confidence among random triples."""
    chance = random_generator(seed, "exemplars of a sum", 0)
    tries = [
        [[str(z) for z in chance.choice(term, 3, replace=False)] for term in terms]
        for _ in range(TRIES)
    ]
    drawn = model.render([model.spec(add_latents(*map(exemplar_mean, tried))) for tried in tries])
    return tries[int(np.argmax(confidence(classify_images(classifier, drawn), outcome)))]


def exemplar_mean(texts: Sequence[str]) -> Z:
    """Return the mean of an exemplar's latents."""
    zs = tuple(parse_latent(text) for text in texts)
    return zs[0] if len(zs) == 1 else Mean(zs)


def add_latents(a: Z, b: Z, c: Z) -> Z:
    """Return A - B + C."""
    return Sum(((1, a), (-1, b), (1, c)))


def exemplar_sheet(model: Model, sets: ExemplarSets) -> np.ndarray:
    """Render a sheet for inspection, (H, W, 3) uint8, with rows of five images.

    There is a row for each exemplar (its samples and their mean) and for each sum (A, B, C and
    A - B + C).
    """
    means = {name: exemplar_mean(texts) for name, texts in sets["exemplars"].items()}
    rows = [[*map(parse_latent, texts), means[name]] for name, texts in sets["exemplars"].items()]
    for names in sets["sums"]:
        terms = [means[name] for name in names]
        rows.append([*terms, add_latents(*terms)])
    width = max(map(len, rows))
    blank = np.full((model.config.image_size, model.config.image_size, 3), 255, np.uint8)
    pictures = []
    for row in rows:
        drawn = model.render([model.spec(z) for z in row])
        pictures += [*drawn, *[blank] * (width - len(row))]
    return images.enlarge(images.make_grid(np.stack(pictures), width), 2)
