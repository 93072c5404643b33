"""Ablation studies: train variants from several seeds; compare KID, mode collapse and divergence.

An ablation takes hours, so that each run's result is saved at once and not measured again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from accelerate import Accelerator
from joblib import delayed

from dcgan.models.checkpoint import Checkpoint
from training import records
from training.core.mode_collapse import DIVERSITY_SAMPLES, MIN_DIVERSITY, mean_pairwise_distance
from training.core.state import StateError
from training.core.trainer import NetworkFactory, Trainer, best_precision, make_networks
from training.data.datasets import Images, to_channels_last
from training.data.parallel import run_in_processes
from training.experiments import figures
from training.metrics.evaluation import Evaluator
from training.recipes import Recipe

CHECKED = 25
"""Steps between two checks for divergence and mode collapse."""

Variant = TypeVar("Variant")


def train_and_measure(
    recipe: Recipe,
    pictures: Images,
    images: int,
    distance: Evaluator,
    *,
    init: Checkpoint | None = None,
    networks: NetworkFactory = make_networks,
    points: int = 1,
) -> dict[str, Any]:
    """Train on `images` images, from the weights `init` or (None) from random ones.

    Returns a dict with

    - `curve`: `points` evenly spaced entries, the last one at the end. Each has images, minutes,
      kid (of the exported G), kid_last (of G without averaging, if the recipe averages) and spread
      (mean pairwise distance of G's samples as a share of real images').
    - `collapsed`, if G has collapsed at the end: the first step since which every check found so.
    - `diverged`, if the losses became non-finite: the step of the check, which ends the training.
    """
    started = time.monotonic()
    trainer = Trainer(recipe, pictures, Accelerator(mixed_precision=best_precision()), networks)
    if init:
        trainer.start_from(init)
    of_real = mean_pairwise_distance(to_channels_last(trainer.batches.at(0)[0][:DIVERSITY_SAMPLES]))
    steps = math.ceil(images * trainer.steps_per_batch / recipe.batch_size)
    measured = {math.ceil(steps * point / points) for point in range(1, points + 1)}
    found: dict[str, Any] = {"curve": []}
    for step in range(1, steps + 1):
        losses = trainer.train_step()
        if step % CHECKED and step not in measured:
            continue
        if not all(map(math.isfinite, map(float, losses.values()))):
            return found | {"diverged": step}
        share = mean_pairwise_distance(trainer.generator.sample(DIVERSITY_SAMPLES)) / of_real
        if share < MIN_DIVERSITY:
            found.setdefault("collapsed", step)
        else:
            found.pop("collapsed", None)
        if step in measured:
            entry = {"images": step * recipe.batch_size // trainer.steps_per_batch}
            entry |= {"kid": round(distance(trainer.export_generator(), recipe.batch_size), 5)}
            if recipe.average:
                last = distance(trainer.export_generator(averaged=False), recipe.batch_size)
                entry |= {"kid_last": round(last, 5)}
            minutes = round((time.monotonic() - started) / 60, 2)
            found["curve"].append({**entry, "spread": round(share, 3), "minutes": minutes})
    return found


def run_variants(
    variants: Mapping[str, Variant],
    seeds: int,
    conditions: dict[str, Any],
    data: Mapping[str, int],
    out: Path,
    train: Callable[[Variant, int], dict[str, Any]],
    say: Callable[[str], None],
    processes: int = 1,
) -> dict[str, Any]:
    """Train every variant from seeds 0 to `seeds` - 1, one seed after the other.

    conditions: settings shared by all runs, saved with the results in the file `out`. data: see
    `figures.write_result`. train: maps (variant, seed) to a result. processes: number of parallel
    processes with an equal share of the cores; more than one requires a `train` that joblib can
    serialise.

    If the file exists, only missing runs are trained and the minutes are added up. Raises
    StateError if it was made under other conditions.
    """
    started = time.monotonic()
    facts: dict[str, Any] = {**conditions, "trained": {}}
    if before := records.read(out, dict[str, Any]):
        facts = before
        if other := [name for name, value in conditions.items() if facts.get(name) != value]:
            raise StateError(f"{out} was made with another {', '.join(other)}: give a new file")
        started -= 60 * facts.get("run", {}).get("minutes", 0)
    trained: dict[str, dict[str, Any]] = facts["trained"]
    lacking = (
        delayed(_one)(train, name, variant, seed)
        for seed in range(seeds)
        for name, variant in variants.items()
        if str(seed) not in trained.get(name, {})
    )
    for name, seed, found in run_in_processes(lacking, processes, 1, ordered=False):
        trained.setdefault(name, {})[str(seed)] = found
        in_order = [*(row for row in variants if row in trained), *trained]
        facts["trained"] = {row: trained[row] for row in in_order}
        figures.write_result(out, facts, started, data)
        say(f"{name}, seed {seed}: {found}")
    return facts


def _one(
    train: Callable[[Variant, int], dict[str, Any]], name: str, variant: Variant, seed: int
) -> tuple[str, int, dict[str, Any]]:
    return name, seed, train(variant, seed)


def summary_table(trained: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Return a Markdown table of each variant's mean KID along training and the end of each seed.

    A mean includes the seeds that reached that point. The column `last G` is the final KID without
    weight averaging. A seed's column gives its final KID, or the step at which it failed.
    """
    ways = (found["curve"] for runs in trained.values() for found in runs.values())
    longest: list[dict[str, float]] = max(ways, key=len)
    columns = [(f"{entry['images']:,}", at, "kid") for at, entry in enumerate(longest)]
    if longest and "kid_last" in longest[-1]:
        columns.append(("last G", len(longest) - 1, "kid_last"))
    seeds = sorted({seed for runs in trained.values() for seed in runs}, key=int)
    rows = [
        [
            name,
            *(_mean(runs, at, what) for _, at, what in columns),
            *(_end(runs[seed]) if seed in runs else None for seed in seeds),
        ]
        for name, runs in trained.items()
    ]
    heads = [head for head, *_ in columns] + [f"seed {seed}" for seed in seeds]
    return figures.markdown_table(["KID after images", *heads], rows)


def _mean(runs: Mapping[str, Mapping[str, Any]], at: int, what: str) -> str:
    reached = [found["curve"][at][what] for found in runs.values() if len(found["curve"]) > at]
    return f"{np.mean(reached):.3f}" if reached else "-"


def _end(found: Mapping[str, Any]) -> str:
    if "diverged" in found:
        return f"diverged at {found['diverged']}"
    collapsed = f", collapsed at {found['collapsed']}" if "collapsed" in found else ""
    return f"{found['curve'][-1]['kid']:.3f}{collapsed}"
