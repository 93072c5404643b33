"""Picks a model's exemplars (figures 7 and 8): z's whose samples surely show what their name says.

    python -m training exemplars weights/faces --sheet exemplars.png

About a minute on 2 cores. A classifier says what the samples show, landmarks say where they look;
the surest are taken, and for a sum, of many triples among the surest, the one whose sum the
classifier is surest of. So these are good examples, as the paper's are; how often a sum succeeds is
measured by `python -m training run arithmetic`. Look at the sheet, then leave out what looks bad
with --drop and run it again.
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
"""A classifier's logit, at least: it gives such an answer 88%."""
MIN_YAW = 0.4
"""The yaw, at least, of a face that looks to a side."""

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
"""Exemplars of three."""
SUMS = (
    ("smiling woman", "neutral woman", "neutral man"),
    ("man with glasses", "man without glasses", "woman without glasses"),
)
OUTCOMES: tuple[Shown, ...] = (
    {"male": True, "smiling": True},
    {"male": False, "eyeglasses": True},
)
"""What a sum should show, in the order of `SUMS`."""
CANDIDATES, TRIES = 12, 150
"""Samples of each term, and triples of them, that a shipped sum is chosen from."""
SIDES = ("looking left", "looking right")
"""Of the picture, not of the person. Exemplars of four, like those below."""
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
"""As many z's of each kind, so that the ends of a turn differ in what they are named for alone.

Of men or women alone where the data have few of the others.
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
    """Samples that do not show what an exemplar takes; the message says which and what to do."""


class Samples:
    """Draws 0 to count - 1 of a seed: their pictures, and a classifier's logits of them."""

    def __init__(
        self, model: Model, classifier: AttributeClassifier, seed: int, count: int
    ) -> None:
        self.zs = [Draw(seed, index) for index in range(count)]
        self.pictures = model.render([model.spec(z) for z in self.zs])
        self.logits = classify_images(classifier, self.pictures)

    def most_confident(self, shown: Shown) -> np.ndarray:
        """Rows whose every asked logit is beyond `MIN_LOGIT` on the right side, the surest
        first."""
        margins = confidence(self.logits, shown)
        order = np.argsort(-margins, kind="stable")
        return order[margins[order] > MIN_LOGIT]


def confidence(logits: Mapping[str, np.ndarray], shown: Shown) -> np.ndarray:
    """(N,): the least of the asked logits, each with the sign that its answer should have."""
    return np.min([logits[name] * (1 if yes else -1) for name, yes in shown.items()], axis=0)


def pick_exemplars(
    model: Model,
    classifier: AttributeClassifier,
    dropped: Collection[str] = (),
    seed: int = POOL_SEED,
    count: int = POOL_SIZE,
) -> ExemplarSets:
    """The sets of a model of faces, without the z's that were looked at and dropped.

    Raises ExemplarError where the samples do not show enough of something.
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
    """Three z's of each term, whose sum the classifier is surest of."""
    chance = random_generator(seed, "exemplars of a sum", 0)
    tries = [
        [[str(z) for z in chance.choice(term, 3, replace=False)] for term in terms]
        for _ in range(TRIES)
    ]
    drawn = model.render([model.spec(add_latents(*map(exemplar_mean, tried))) for tried in tries])
    return tries[int(np.argmax(confidence(classify_images(classifier, drawn), outcome)))]


def exemplar_mean(texts: Sequence[str]) -> Z:
    """The mean of an exemplar's z's."""
    zs = tuple(parse_latent(text) for text in texts)
    return zs[0] if len(zs) == 1 else Mean(zs)


def add_latents(a: Z, b: Z, c: Z) -> Z:
    """A - B + C."""
    return Sum(((1, a), (-1, b), (1, c)))


def exemplar_sheet(model: Model, sets: ExemplarSets) -> np.ndarray:
    """To look at: each exemplar's pictures and their mean's; each sum's A, B, C and A - B + C.

    (H, W, 3) uint8, in rows of five.
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
