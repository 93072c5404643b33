"""What does a step along a direction change, and what else?

    python -m training run directions --weights weights/faces --weights weights/rooms \\
        --data ../shared/data/faces --json results/directions.json

About 7 minutes on two cores. `python -m training directions` has found the named directions with
judge "a"; here judge "b", of another architecture and trained on other pictures, sees new samples a
step before and a step after, and says how much of each thing has changed: in standard deviations of
its own score over samples, so that smiles and glasses can be compared. Age, which no judge was
trained to say, was found by a linear probe on judge a's features, and is measured by one on D's,
which has learned from the other half of the labelled pictures. Beside the named directions stand
the principal ones, and random ones of the same length. How far a picture has gone is the distance
of D's features, as a part of that between two different samples. The other ways to find a direction
(training/directions/attribute.py) are fitted again and measured alike.

There is one measure of where a face looks, and one judge of windows: they measure what they have
found, on other samples.

Expect, with weights/faces, that a step along a named direction moves what it is named for by 0.25
(age) to 0.85 (yaw) standard deviations, and all else that is seen by 0.05 to 0.2 together; a mean
smile goes from 28% to 80% between a step to the left and one to the right. Plain regression moves
more (0.6 to 0.9) and drags other things along as far (glasses make men, and old ones: 0.73 of
glasses, 0.95 of all else); so do labels read from D's features. The way between two exemplars, of
the same length, moves half as much as it should and as much else: a mean of four holds much that
is theirs alone. Random directions move everything by about 0.1. pc2 is where heads look. Age is
the least sure. It was first measured by a probe on judge b's features, which saw 0.03 of it, and
0.7 of what regression gives; only then was the measure changed to D's features, because judge b's
say hardly more of age (AUC 0.78 on held-out photographs) than the other labels alone (0.73), and
D's do (0.84). With weights/rooms a step of windows is worth 0.63, and 1.1% of a picture become 6.5%
between a step to the left and one to the right.

The paper has no such directions; it names the vector from left to right (figure 8).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from dcgan.latents import operations
from dcgan.models import checkpoint
from dcgan.rendering.engine import Model
from training.attributes.options import ClassifierFolder
from training.attributes.scores import (
    WINDOWS,
    AttributeScorer,
    ScorerPair,
    discriminator_features,
    display_scores,
    make_scorers,
)
from training.directions.attribute import (
    SAMPLE_COUNTS,
    DirectionError,
    FittedDirections,
    effect_sizes,
    fit_directions,
    off_target_effect,
    render_latents,
    score_changes,
)
from training.directions.principal import STANDARD_DEVIATION
from training.experiments import figures

SEED, RANDOM_SEED = 33, 34
POSITIONS = (-2, -1, 0, 1, 2)
"""Numbers of steps at which mean attribute scores are reported."""
RANDOM = 8
"""Number of random directions of the control."""
SAME = 0.999
"""Cosine similarity above which a shipped direction counts as a method's; lengths are equal."""


def run(
    *,
    weights: Annotated[list[str], typer.Option(help="Checkpoint folder or user/repo; repeatable.")],
    classifier_folder: ClassifierFolder = Path("weights/judges"),
    data: Annotated[
        str | None, typer.Option(help="Data set of labelled faces, needed for age.")
    ] = None,
    heads: Annotated[int, typer.Option(min=2, help="Number of samples per direction.")] = 100,
    few: Annotated[int, typer.Option(min=2, help="Number of samples for slow scores.")] = 30,
    samples: Annotated[
        int | None, typer.Option(min=500, help="Number of samples for fitting directions.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", help="JSON file for the results.")] = None,
) -> None:
    """Measure the effect size and the off-target effect of a step along each direction."""
    started = time.monotonic()
    facts: dict[str, Any] = {"seed": SEED, "models": {}}
    for source in weights:
        opened = checkpoint.load(source)
        kind = "rooms" if WINDOWS in opened.directions else "faces"
        model = Model(Path(source).name, opened)
        seeing = make_scorers(kind, model, classifier_folder, data)
        if not set(seeing.fitting.names) & opened.directions.keys():
            raise DirectionError(
                f"{source} has no direction with a name: run `python -m training directions "
                f"{source} --named {kind}` first"
            )
        count, looked = SAMPLE_COUNTS[kind]
        fitted = fit_directions(model, seeing, samples or count, looked)
        facts["models"][model.name] = measure(model, seeing, fitted, heads, few)
    typer.echo(report(facts))
    figures.write_result(out, facts, started)


def measure(
    model: Model, seeing: ScorerPair, fitted: FittedDirections, heads: int, few: int
) -> dict[str, Any]:
    """Return the measurements of a model's directions.

    heads: number of samples that are moved; few: number of those scored by slow scorers.
    """
    sees = seeing.measuring
    zs = operations.draw_latents(SEED, 0, heads, model.config.z_size, model.config.prior)
    of = discriminator_features(model.checkpoint.discriminator())
    still = render_latents(model, zs)
    base, at = sees(still, few), of(still)
    score_std = {name: float(np.nanstd(score)) for name, score in base.items()}
    apart = _distance(at, np.roll(at, 1, axis=0))

    def step(vector: np.ndarray) -> dict[str, Any]:
        change = score_changes(model, sees, vector, SEED, heads, few)
        gone = np.mean([_distance(of(render_latents(model, zs + s * vector)), at) for s in (-1, 1)])
        return {"moves": _rounded(effect_sizes(change, score_std)), "gone": round(gone / apart, 4)}

    found = {name: step(vector) for name, vector in model.directions.items()}
    named = [name for name in found if name in score_std]
    for name in named:
        found[name]["stated"] = _stated(model, sees, name, zs, few)
    chance = [step(vector) for vector in _random(model)]
    ways = {
        way: {
            name: _of_a_way(
                name, effect_sizes(score_changes(model, sees, v, SEED, heads, few), score_std)
            )
            for name, v in steps.items()
            if name in named
        }
        for way, steps in fitted.ways.items()
    }
    return {
        "weights": model.checkpoint.hash,
        "images_seen": model.checkpoint.metadata.get("images_seen"),
        "heads": heads,
        "few": few,
        "named": named,
        "directions": found,
        "random": {
            "moves": {
                name: round(float(np.mean([abs(one["moves"][name]) for one in chance])), 4)
                for name in score_std
            },
            "gone": round(float(np.mean([one["gone"] for one in chance])), 4),
        },
        "ways": ways,
        "shipped": {name: _way(fitted.ways, name, model.directions[name]) for name in named},
        "linear": {name: fitted.linear[name] for name in named},
        "probes": seeing.probe_auc,
        "judge": seeing.classifier_report,
    }


def _stated(
    model: Model, sees: AttributeScorer, name: str, zs: np.ndarray, few: int
) -> list[float]:
    """Return the mean displayed score at each of `POSITIONS` along a direction."""
    means = []
    for place in POSITIONS:
        score = sees(render_latents(model, zs + place * model.directions[name]), few)[name]
        means.append(round(float(np.nanmean(display_scores(sees, name, score))), 4))
    return means


def _random(model: Model) -> Sequence[np.ndarray]:
    config = model.config
    zs = operations.draw_latents(RANDOM_SEED, 0, RANDOM, config.z_size, "normal")
    return STANDARD_DEVIATION[config.prior] * zs / np.linalg.norm(zs, axis=1, keepdims=True)


def _distance(rows: np.ndarray, others: np.ndarray) -> float:
    return float(np.linalg.norm(rows - others, axis=1).mean())


def _of_a_way(name: str, moved: dict[str, float]) -> dict[str, float]:
    return _rounded({"own": moved[name], "others": off_target_effect(name, moved)})


def _way(ways: dict[str, dict[str, np.ndarray]], name: str, vector: np.ndarray) -> str | None:
    """Return the method that gives a shipped direction, or None."""
    for way, steps in ways.items():
        if name in steps and vector @ steps[name] > SAME * (vector @ vector):
            return way
    return None


def _rounded(found: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in found.items()}


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    return "\n\n".join(_of_a_model(name, found) for name, found in facts["models"].items())


def _of_a_model(model: str, facts: dict[str, Any]) -> str:
    named, found = facts["named"], facts["directions"]

    def row(label: str, one: dict[str, Any]) -> list[str]:
        return [label, *(f"{one['moves'][n]:+.2f}" for n in named), f"{one['gone']:.2f}"]

    chance = facts["random"]
    rows = [row(name, found[name]) for name in found]
    rows.append(
        [
            f"random, {RANDOM}, sizes alone",
            *(f"{chance['moves'][n]:.2f}" for n in named),
            f"{chance['gone']:.2f}",
        ]
    )
    told = [
        [name, *(f"{value:.3f}" for value in found[name]["stated"]), f"{facts['linear'][name]:.2f}"]
        for name in named
    ]
    ways = [
        [
            name,
            *(
                f"{one['own']:.2f} / {one['others']:.2f}" if (one := by.get(name)) else "-"
                for by in facts["ways"].values()
            ),
            facts["shipped"][name] or "another",
        ]
        for name in named
    ]
    parts = [
        f"**{model}** (weights {facts['weights']}). What one step changes, in standard deviations "
        f"over samples (n = {facts['heads']}; {facts['few']} of yaw and windows, which are slow to "
        "see); gone: how far the picture is from where it was, where two samples are 1 apart.",
        figures.markdown_table(["one step along", *named, "gone"], rows),
        "What is told of samples that many steps away, as the mean of probabilities (of yaw, of "
        "-1 to 1; of windows, of their share of the picture), and how well z predicts it linearly "
        "in samples that were left out:",
        figures.markdown_table(
            ["steps", *(f"{p:+d}" if p else "0" for p in POSITIONS), "correlation"], told
        ),
        "Ways to find a direction: of itself / of all else that is seen, for one step.",
        figures.markdown_table(["way", *facts["ways"], "shipped"], ways),
    ]
    if probes := facts["probes"]:
        said = "; ".join(
            f"{by}: {', '.join(f'{n} {auc:.2f}' for n, auc in probe_auc.items())}"
            for by, probe_auc in probes.items()
        )
        parts.append(f"Probes on held-out photographs (AUC): {said}.")
    return "\n\n".join(parts)
