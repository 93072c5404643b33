"""Does arithmetic on z do what it says? (Figure 7.)

    python -m training run arithmetic --weights weights/faces --judges weights/judges \\
        --json results/arithmetic.json

About a minute on 2 cores. smiling woman - neutral woman + neutral man = smiling man; man with
glasses - man without + woman without = woman with glasses. Judge "a" picks the z's of the three
terms from samples that it is sure of, judge "b", of another architecture and trained on other
pictures, says what A - B + C shows. The outcome is joint: a man, and he smiles; a woman, and she
wears glasses. Compared on the same triples: means of three z's, single z's (the first of each
three), the sum of the three mean pictures' pixels, and C alone, the mean that the sum starts from;
beside them the share of random samples that show it anyway. Triples share the z's that they are
drawn from, so the tests' p speak for these samples.

The paper shows one hand-picked example of each sum and gives no rate; it says that single z's were
unstable and means of three were not. Expect, with weights/faces: a woman with glasses from 34% of
means of three, 15% of single z's and 6% of random samples (p < 1e-8); a smiling man from 33% of
means and 31% of single z's, which is no difference (p = 0.78), 15% of random samples and 0.7% of C
alone: the smile arrives, the man is often lost. Sums of pixels score 54% and 26%. That does not
contradict the paper's ghosts: these faces are aligned by their eyes, so that glasses land on eyes,
and a judge says what a picture shows, not whether it is a good one. The data have few women with
glasses: the judge was measured on 8 of them, and found 5 (`cells` in what is kept of the judge).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from dcgan.analysis import classifiers
from dcgan.analysis.classifiers import classify_images
from dcgan.latents.spec import Mean, Z
from dcgan.models import checkpoint
from dcgan.rendering.engine import Model
from training.attributes.exemplars import (
    OUTCOMES,
    SUMMANDS,
    SUMS,
    ExemplarError,
    Samples,
    add_latents,
    confidence,
)
from training.attributes.options import ClassifierFolder
from training.data.sampler import random_generator
from training.experiments import figures

POOL_SEED, BASE_SEED = 4, 5
"""Seeds of the samples that exemplars are picked from, and of the random baseline samples."""


def run(
    *,
    weights: Annotated[
        str, typer.Option(help="Checkpoint folder or user/repo of a model of faces.")
    ],
    classifier_folder: ClassifierFolder = Path("weights/judges"),
    triples: Annotated[
        int, typer.Option(min=1, help="Number of random triples of exemplars per sum.")
    ] = 300,
    pool: Annotated[
        int, typer.Option(min=10, help="Number of samples to pick from, and of random samples.")
    ] = 2000,
    out: Annotated[Path | None, typer.Option("--json", help="JSON file for the results.")] = None,
) -> None:
    """Figure 7: success rate of latent arithmetic, with means, single latents and pixels."""
    started = time.monotonic()
    model = Model("faces", checkpoint.load(weights))
    (picker, _), (classifier, validation) = (
        classifiers.load_classifier(classifier_folder, "a"),
        classifiers.load_classifier(classifier_folder, "b"),
    )
    samples = Samples(model, picker, POOL_SEED, pool)
    base = Samples(model, classifier, BASE_SEED, pool)
    facts: dict[str, Any] = {
        "weights": model.checkpoint.hash,
        "images_seen": model.checkpoint.metadata.get("images_seen"),
        "seeds": {"picked_from": POOL_SEED, "base": BASE_SEED},
        "judge": validation,
        "sums": [],
    }
    for names, outcome in zip(SUMS, OUTCOMES, strict=True):
        drawn = draw_triples(samples, names, triples)
        shown = draw_all(model, drawn)
        logits = {kind: classify_images(classifier, pictures) for kind, pictures in shown.items()}
        logits["base"] = base.logits
        hits = {kind: confidence(found, outcome) > 0 for kind, found in logits.items()}
        facts["sums"].append(
            {
                "names": names,
                "outcome": outcome,
                "candidates": {name: len(samples.most_confident(SUMMANDS[name])) for name in names},
                **{kind: figures.wilson_rate(found) for kind, found in hits.items()},
                "one_by_one": {
                    kind: {
                        name: round(float((confidence(found, {name: yes}) > 0).mean()), 4)
                        for name, yes in outcome.items()
                    }
                    for kind, found in logits.items()
                },
                "means_and_single": figures.mcnemar(hits["means"], hits["single"]),
                "means_and_pixels": figures.mcnemar(hits["means"], hits["pixels"]),
                "example": str(model.spec(_sums(drawn[:1], 3)[0])),
            }
        )
    typer.echo(report(facts))
    figures.write_result(out, facts, started)


def draw_triples(samples: Samples, names: Sequence[str], count: int) -> list[list[list[Z]]]:
    """Sample `count` sets of three exemplars per term: [set][term][exemplar].

    Raises ExemplarError if the classifier is confident of fewer than three samples of a term.
    """
    chance = random_generator(POOL_SEED, " ".join(names), 0)
    rows = {name: samples.most_confident(SUMMANDS[name]) for name in names}
    for name, found in rows.items():
        if len(found) < 3:
            raise ExemplarError(
                f"only {len(found)} of {len(samples.zs)} samples surely show {name!r}, and 3 are "
                "needed: give a larger --pool, or a better model"
            )
    return [
        [[samples.zs[row] for row in chance.choice(rows[name], 3, replace=False)] for name in names]
        for _ in range(count)
    ]


def draw_all(model: Model, triples: list[list[list[Z]]]) -> dict[str, np.ndarray]:
    """Render the images that are compared, by method, each (triples, H, W, 3) uint8."""

    def draw(zs: Sequence[Z]) -> np.ndarray:
        return model.render([model.spec(z) for z in zs])

    terms = [draw([Mean(tuple(triple[term])) for triple in triples]) for term in range(3)]
    a, b, c = (term.astype(np.int16) for term in terms)
    return {
        "means": draw(_sums(triples, 3)),
        "single": draw(_sums(triples, 1)),
        "pixels": np.clip(a - b + c, 0, 255).astype(np.uint8),
        "c_alone": terms[2],
    }


def _sums(triples: list[list[list[Z]]], size: int) -> list[Z]:
    """Return A - B + C of the means of the first `size` latents of each term."""
    return [
        add_latents(*(Mean(tuple(term)) if size > 1 else term[0] for term in triple))
        for triple in triples
    ]


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    return "\n\n".join(
        [
            *(part for found in facts["sums"] for part in _parts(found)),
            "The paper shows one hand-picked example of each sum and gives no rate.",
        ]
    )


def _parts(found: dict[str, Any]) -> tuple[str, str]:
    """Return the table of one sum and its significance tests."""
    a, b, c = found["names"]
    wanted = [name if yes else f"not {name}" for name, yes in found["outcome"].items()]
    rows = [
        [
            label,
            figures.rate_text(found[kind]),
            figures.interval_text(found[kind]),
            *(f"{share:.0%}" for share in found["one_by_one"][kind].values()),
        ]
        for kind, label in (
            ("means", "means of three"),
            ("single", "single z's"),
            ("pixels", "sum of pixels"),
            ("c_alone", f"{c}, mean"),
            ("base", "random samples"),
        )
    ]
    head = [f"{a} - {b} + {c}", " and ".join(wanted), "95% interval", *wanted]
    tests = [
        f"- means against {other}: p = {test['p']:.2g} ({test['only_first']} only the means, "
        f"{test['only_second']} only those)"
        for other in ("single", "pixels")
        if (test := found[f"means_and_{other}"])
    ]
    return figures.markdown_table(head, rows), "\n".join(tests)
