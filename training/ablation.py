"""Variants of a recipe, trained alike from several seeds, and the kernel distance of each.

An ablation takes hours: every figure is kept as soon as it is there, and not measured again.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from dcgan.checkpoint import Checkpoint
from training.data import Images
from training.evaluation import Distance
from training.experiments import figures
from training.recipes import Recipe
from training.state import StateError
from training.trainer import Trainer, best_precision

CHECKED = 50
"""Steps between two looks at whether the losses are numbers."""


def measure(
    recipe: Recipe,
    pictures: Images,
    images: int,
    distance: Distance,
    init: Checkpoint | None,
) -> dict[str, float]:
    """Train through `images` pictures, from weights or (init None) from noise.

    Returns kid, of what the recipe exports, and kid_last, of G as the last step left it (the same
    where nothing is averaged); or diverged, the step at which the losses were found no numbers.
    """
    trainer = Trainer(recipe, pictures, Accelerator(mixed_precision=best_precision()))
    if init:
        trainer.start_from(init)
    while trainer.step * recipe.batch_size < images * trainer.steps_per_batch:
        losses = trainer.train_step()
        if trainer.step % CHECKED == 0 and not all(map(math.isfinite, map(float, losses.values()))):
            return {"diverged": trainer.step}
    kid = distance(trainer.exported(), recipe.batch_size)
    last = distance(trainer.exported(averaged=False), recipe.batch_size) if recipe.average else kid
    return {"kid": round(kid, 5), "kid_last": round(last, 5)}


def run(
    variants: Mapping[str, Recipe],
    seeds: int,
    conditions: dict[str, Any],
    out: Path,
    train: Callable[[Recipe], dict[str, float]],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train every variant from seeds 0 to `seeds` - 1, one seed after the other.

    conditions: what all have in common, kept with the figures in the file `out`. Where it exists,
    only what it lacks is trained. Raises StateError if it was made under other conditions.
    """
    facts: dict[str, Any] = {**conditions, "trained": {}}
    if out.is_file():
        facts = json.loads(out.read_text(encoding="utf-8"))
        if other := [name for name, value in conditions.items() if facts.get(name) != value]:
            raise StateError(f"{out} was made with another {', '.join(other)}: give a new file")
    for seed in range(seeds):
        for name, recipe in variants.items():
            found = facts["trained"].setdefault(name, {})
            if str(seed) not in found:
                found[str(seed)] = train(dataclasses.replace(recipe, seed=seed))
                figures.keep(out, facts)
                say(f"{name}, seed {seed}: {found[str(seed)]}")
    return facts


def table(trained: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Of each variant its seeds' KIDs, their mean, and the mean without averaging."""
    width = max(map(len, trained))
    lines = [f"{'':{width}}  {'mean KID':>8}  {'of last G':>9}  each seed"]
    for name, runs in trained.items():
        done = [found for found in runs.values() if "kid" in found]
        each = (
            f"{found['kid']:.3f}" if "kid" in found else f"diverged at step {found['diverged']}"
            for found in runs.values()
        )
        means = (
            (float(np.mean([found[of] for found in done])) for of in ("kid", "kid_last"))
            if done
            else (math.nan, math.nan)
        )
        kid, last = means
        lines.append(f"{name:{width}}  {kid:8.3f}  {last:9.3f}  {', '.join(each)}")
    return "\n".join(lines)
