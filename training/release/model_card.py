"""Model card of a released checkpoint; all numbers are measured or read from the run.

Descriptions of data sets are in `SOURCES`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import ModelCardData

from dcgan.config import PAPER
from dcgan.models.networks import INIT_STD
from training.core import run_log
from training.data.datasets import Images
from training.metrics.distances import INPUT_SIZE
from training.metrics.nearest_neighbours import SPACES, Comparison
from training.recipes import RECIPES, TEXT_FIELDS, Recipe, flatten

GRID_SAMPLES, GRID_SEED, GRID_FILE = 64, 0, "grid.png"


class ShipError(ValueError):
    """No card can be written from a run or a baseline; the message says why."""


@dataclass(frozen=True)
class Source:
    """Description of a data set in a card. labels: its columns of 1 and 0."""

    name: str
    address: str
    shows: str
    labels: tuple[str, ...] = ()


SOURCES = {
    "celeba": Source(
        "CelebA",
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "celebrities, mostly Western, made up and posing for the press",
        ("smiling", "eyeglasses", "male", "young"),
    ),
    "lfw": Source(
        "LFW deep-funneled",
        "http://vis-www.cs.umass.edu/lfw/",
        "people in the news, politicians and athletes, mostly men",
        ("smiling",),
    ),
    "aaf": Source(
        "All-Age-Faces",
        "https://github.com/JingchunCheng/All-Age-Faces-Dataset",
        "adults of all ages, mostly Asian",
    ),
    "places365": Source(
        "Places365",
        "http://places2.csail.mit.edu",
        "rooms of all countries as people put them on the web; some show people or details",
    ),
    "miniplaces": Source(
        "MiniPlaces", "https://github.com/CSAILVision/miniplaces", "the same, a smaller set"
    ),
    "houses": Source("a set of houses", "", "tidied rooms, as sellers of houses show them"),
    "tiny_imagenet32": Source(
        "Tiny ImageNet, at 32x32",
        "https://www.image-net.org",
        "animals, things and places of 200 of ImageNet's classes",
    ),
    "mnist": Source(
        "MNIST",
        "https://www.nist.gov/srd/nist-special-database-19",
        "digits as clerks and pupils of the United States wrote them",
    ),
    "svhn": Source(
        "SVHN", "http://ufldl.stanford.edu/housenumbers", "digits of house numbers, from streets"
    ),
}
"""Descriptions by value of the column `source` or, without one, by name of the folder."""


@dataclass(frozen=True)
class Baseline:
    """Run of another recipe on the same data, for comparison. entry: as in a run's curve."""

    recipe: str
    entry: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Read JSON with recipe, minutes, images_seen and kid. Raises ShipError."""
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            entry = {
                "images": int(facts["images_seen"]),
                "minutes": float(facts["minutes"]),
                "kid": float(facts["kid"]),
            }
            return cls(f"`{facts['recipe']}`: {RECIPES[facts['recipe']].description}", entry)
        except (KeyError, TypeError, ValueError) as error:
            raise ShipError(
                f"{path} is no baseline ({error!r}): it must be a JSON object with recipe (one of "
                f"{', '.join(RECIPES)}), minutes, images_seen and kid"
            ) from None


@dataclass(frozen=True)
class ChosenByFeatures:
    """The checkpoint whose D has the best features, according to `run cifar10 --along`.

    images: images seen by it. validation, test: accuracies of a linear classifier trained on
    `labels` images.
    """

    images: int
    validation: float
    test: float
    labels: int

    @classmethod
    def read(cls, path: Path) -> ChosenByFeatures:
        """Read the best entry of the curve in a file of --json. Raises ShipError."""
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            found = max(facts["curve"], key=lambda point: point["validation"])
            return cls(
                int(found["images"]),
                float(found["validation"]),
                float(found["accuracy"]),
                int(facts["pictures"]["control"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ShipError(
                f"{path} tells no checkpoint ({error!r}): make it by run cifar10 --along, with the "
                "run that is shipped"
            ) from None


@dataclass(frozen=True)
class Measured:
    """Measurements for the card beside the run's own numbers.

    kid_real: KID of training and held-out images, with kid_real_count of each. neighbours: nearest
    training images of samples and held-out images.
    """

    kid_real: float
    kid_real_count: int
    neighbours: Comparison


def write_card(
    name: str,
    recipe_name: str,
    recipe: Recipe,
    data: str,
    pictures: Images,
    record: run_log.Record,
    curve: list[dict[str, Any]],
    chosen: dict[str, Any],
    measured: Measured,
    picked: ChosenByFeatures | None,
    baseline: Baseline | None,
    weaknesses: str,
) -> str:
    """Return the card of weights/`name`.

    recipe: as the run was trained. data: source of `pictures`. record: the run's run.json. curve,
    chosen: the run's checkpoints, and the entry of the released one. picked: how it was chosen;
    None: by lowest KID. weaknesses: Markdown of a section; empty: no such section.
    """
    sections = {
        "What it is": _what(name, recipe),
        "Data and terms": _data(pictures, data, recipe),
        "Recipe": _recipe(recipe_name, recipe),
        "Training": _training(curve, chosen, pictures, record),
        "Quality": _quality(curve, chosen, measured, picked, baseline),
        "Nearest training pictures": _memorised(measured.neighbours, pictures),
        "Known weaknesses": weaknesses,
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items() if text)
    front = _front(recipe_name, count_sources(pictures, data), chosen, measured)
    return f"{front}\n\n# {name}\n\n{body}\n"


def count_sources(pictures: Images, data: str) -> dict[str, int]:
    """Count the training images by source; without a column `source`, by the folder's name."""
    return pictures.sources or {Path(data).resolve().name: len(pictures.train)}


def _front(recipe: str, sources: dict[str, int], chosen: dict[str, Any], measured: Measured) -> str:
    facts = ModelCardData(
        license="other",
        license_name="research-noncommercial",
        library_name="dcgan",
        pipeline_tag="unconditional-image-generation",
        tags=["dcgan", "gan", "arxiv:1511.06434"],
        datasets=sorted(sources),
        recipe=recipe,
        images_seen=chosen["images"],
        minutes=chosen["minutes"],
        kid=chosen["kid"],
        kid_n=chosen["n"],
        kid_real=measured.kid_real,
    )
    return f"---\n{facts}\n---"


def _what(name: str, recipe: Recipe) -> str:
    model = recipe.model
    return _section(
        f"""A generator and a discriminator of {model.image_size}x{model.image_size} pictures, made
        by this repository's own training after Radford, Metz and Chintala, "Unsupervised
        Representation Learning with Deep Convolutional Generative Adversarial Networks" (arXiv
        1511.06434). z has {model.z_size} numbers, {model.prior}; G's normalisation statistics are
        fixed, so that a z always gives the same picture. The folders beside this file are
        generators from earlier in the same run.""",
        f"![{GRID_SAMPLES} samples]({GRID_FILE})",
        f"""The first {GRID_SAMPLES} z of seed {GRID_SEED}, chosen before looking. The same, and as
        many as you like:""",
        f"    python -m dcgan sample weights/{name} --count {GRID_SAMPLES} --seed {GRID_SEED} "
        "--grid a.png",
    )


def _data(pictures: Images, data: str, recipe: Recipe) -> str:
    total = len(pictures.train)
    left_out = ", ".join(f"{len(names):,} {reason}" for reason, names in pictures.skipped.items())
    about, labels = [], []
    for key, count in sorted(count_sources(pictures, data).items(), key=lambda item: -item[1]):
        source = SOURCES.get(key, Source(key, "", "not known here"))
        link = f"[{source.name}]({source.address})" if source.address else source.name
        about.append((link, f"{count:,}", f"{count / total:.1%}", source.shows))
        for label in source.labels:
            part = dataclasses.replace(recipe, keep={**recipe.keep, "source": [key]}, label=label)
            values = part.pictures(data).labels
            yes, no = np.sum(values == 1), np.sum(values == 0)
            labels.append((label, source.name, f"{yes / (yes + no):.1%}", f"{yes + no:,}"))
    return _section(
        f"""Trained on {total:,} pictures. Another {len(pictures.held_out):,},
        {recipe.held_out:.0%} of all by a hash of the file (of the person where the set names
        persons), were held out and never trained on. Left out: {left_out or "none"}.""",
        _table(("Source", "Trained on", "Share", "What it shows"), about),
        "The labels that came with them show more of the skew:" if labels else "",
        _table(("Label", "Source", "Share", "Labelled pictures"), labels),
        """The photographs are not published with the weights. Their sets may be used for research
        and not for commerce, and what is made from them carries the same terms: these weights are
        for non-commercial research only. Samples have the skew of the sources. Nobody shown in the
        photographs was asked: the weights are not for identifying people, not for judging them by
        their looks, and not for pictures that pass as real persons or places.""",
    )


def _recipe(name: str, recipe: Recipe) -> str:
    paper = Recipe(model=PAPER, description="")
    rows = [
        (f"`{field}`", *(_value(attrgetter(field)(side)) for side in (recipe, paper)), reason)
        for field, reason in recipe.deviations.items()
    ]
    changed = _changed(name, recipe)
    return _section(
        f"""`{name}`{" in training/recipes.py" if name in RECIPES else ""}: {recipe.description}
        It is section 4 of the paper (minibatches of {recipe.batch_size}, Adam with learning rate
        {recipe.learning_rate} and beta1 {recipe.beta1}, initial weights of standard deviation
        {INIT_STD}) {"but for these fields:" if rows else "in every field."}""",
        _table(("Field", "Here", "Paper", "Why"), rows),
        "Set for this run, or changed in training/recipes.py since:" if changed else "",
        _table(("Field", "This run", "training/recipes.py"), changed),
        "How a step differs from the authors' is told at the head of training/core/trainer.py.",
    )


def _changed(name: str, recipe: Recipe) -> list[tuple[str, str, str]]:
    """Return the fields that differ from the current recipe of this name.

    They were set for the run, or the recipe has been changed since.
    """
    if name not in RECIPES:
        return []
    now = flatten(RECIPES[name])
    return [
        (f"`{field}`", _value(value), _value(now[field]))
        for field, value in flatten(recipe).items()
        if field not in TEXT_FIELDS and value != now[field]
    ]


def _training(
    curve: list[dict[str, Any]],
    chosen: dict[str, Any],
    pictures: Images,
    record: run_log.Record,
) -> str:
    times = chosen["images"] / len(pictures.train)
    return _section(
        f"""{chosen["images"]:,} images seen, each picture {times:.1f} times, in
        {chosen["minutes"]} minutes on {_machines(record.parts)}. {_start(record.init)} The whole
        run:""",
        _table(
            ("Images", "Minutes", "KID"),
            [(f"{entry['images']:,}", entry["minutes"], _kid(entry)) for entry in curve],
        ),
    )


def _machines(parts: Sequence[run_log.Part]) -> str:
    """Return the machines on which a run was trained; this machine if none is recorded."""
    if not parts:
        return f"{os.cpu_count()} CPU cores ({platform.machine()})"
    found = dict.fromkeys(
        f"{part.machine} in {part.precision} ({part.date}, commit {part.commit or 'not recorded'})"
        for part in parts
    )
    return "; then on ".join(found)


def _start(init: run_log.Start | None) -> str:
    if init is None:
        return ""
    weights = f"the weights `{init.weights}`" if init.weights else "other weights"
    return f"The run started from {weights}, which had seen {init.images:,} images."


def _quality(
    curve: list[dict[str, Any]],
    chosen: dict[str, Any],
    measured: Measured,
    picked: ChosenByFeatures | None,
    baseline: Baseline | None,
) -> str:
    candidates = [entry for entry in curve if "kid" in entry]
    rows = []
    if baseline:
        equal = min(candidates, key=lambda entry: abs(entry["minutes"] - baseline.entry["minutes"]))
        rows = [
            (what, entry["minutes"], f"{entry['images']:,}", _kid(entry))
            for what, entry in (
                ("This checkpoint", chosen),
                ("This run, nearest in time", equal),
                (baseline.recipe, baseline.entry),
            )
        ]
    return _section(
        f"""KID {_kid(chosen)}, n = {chosen["n"]:,} samples and as many held-out pictures. The
        floor, training pictures against held-out ones (n = {measured.kid_real_count:,} of each),
        is {measured.kid_real:.5f}.""",
        f"""It is the kernel distance in the features of efficientnet-lite0 (ImageNet weights,
        pictures enlarged to {INPUT_SIZE}x{INPUT_SIZE}), one unbiased estimate over all pictures,
        and does not compare with figures in other networks' features. """
        + (
            f"""Of the run's checkpoints this one was chosen by its D, not by KID: from D's features
            of {picked.labels:,} of CIFAR-10's training pictures a linear classifier learned most:
            {picked.validation:.1%} right on the fifth of them that was kept for this choice, and,
            taught all of them, {picked.test:.1%} on test pictures, by which nothing was chosen."""
            if picked
            else f"""Of the run's {len(candidates)} checkpoints this one has the lowest; it was
            chosen on the same held-out pictures, which flatters it slightly."""
        ),
        "Beside a baseline on the same data:" if rows else "",
        _table(("Recipe", "Minutes", "Images seen", "KID"), rows),
    )


def _memorised(found: Comparison, pictures: Images) -> str:
    count, among = len(found.samples.pixels), len(found.trained.pixels)
    rows = [
        [side]
        + [
            f"{reduce(near[space].distances[:, 0]):.2f}"
            for space in SPACES
            for reduce in (np.median, np.min)
        ]
        for side, near in (("Samples", found.near_samples), ("Held out", found.near_held_out))
    ]
    return _section(
        f"""Distance to the nearest of {among:,} training pictures, drawn at random from
        {len(pictures.train):,}; n = {count:,} samples (seed {GRID_SEED}) and as many held-out
        pictures. A copied picture would be much nearer to its original than held-out ones are to
        anything. Features: of efficientnet-lite0, euclidean. Pixels: root mean square difference,
        of 255, to the picture or its mirror image.""",
        _table(("", *(f"{space}, {of}" for space in SPACES for of in ("median", "least"))), rows),
        """`python -m training ship` draws the first of both beside their nearest training pictures
        into the run's folder; photographs of people are not published here.""",
    )


def _section(*parts: str) -> str:
    """Join non-empty parts with blank lines; wrap prose, but not tables, figures and code."""
    prose = textwrap.TextWrapper(100, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join(
        part if part.startswith(("|", "!", " ")) else prose.fill(" ".join(part.split()))
        for part in parts
        if part
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table, or "" without rows."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) if rows else ""


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if dataclasses.is_dataclass(value):
        return (
            ", ".join(f"{name} {_value(part)}" for name, part in flatten(value).items() if part)
            or "none"
        )
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _kid(entry: dict[str, Any]) -> str:
    return f"{entry['kid']:.5f}" if "kid" in entry else ""
