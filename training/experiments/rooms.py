"""What makes pictures of rooms better? What was tried.

    python -m training run rooms --init weights/rooms --data ../shared/data/rooms

About 90 minutes on one core. Every variant changes one field of the recipe, goes on from the same
weights through 51,200 pictures from each of three seeds, and is compared by KID with the same
held-out bedrooms and living rooms. From noise so few pictures say nothing: no weights have learned
anything by then (KID 1.34 after 221,056, untrained ones have 1.58), and a variant can be good late
and bad early. A difference counts where all seeds of one lie below all of the other.

Expect: half the rate is better (KID 0.245 against 0.263, means of three seeds that do not overlap;
the weights began at 0.257). All eight kinds of rooms, no mirroring and l2 were no better in the one
seed that was tried of each.

The paper trains on 3 million bedrooms with one recipe and compares none.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from dcgan.models import checkpoint
from training.experiments import ablation
from training.metrics.evaluation import Evaluator
from training.recipes import ROOMS, Recipe


def _with(**fields: Any) -> Recipe:
    return dataclasses.replace(ROOMS, **fields)


VARIANTS = {
    "the recipe": ROOMS,
    "half the rate": _with(learning_rate=1e-4),
    "all eight kinds of rooms": _with(keep={}),
    "not mirrored": _with(mirror=False),
    "l2 of 1e-5": _with(l2=1e-5),
}


def run(
    *,
    data: Annotated[str, typer.Option(help="Data set of rooms with a column `room`.")],
    init: Annotated[str, typer.Option(help="Initial weights of every run.")] = ("weights/rooms"),
    images: Annotated[
        int, typer.Option(min=128, help="Number of images seen by each run.")
    ] = 51_200,
    seeds: Annotated[int, typer.Option(min=2, help="Number of seeds per variant.")] = 3,
    out: Annotated[
        Path,
        typer.Option("--json", help="JSON file for the results; only missing runs are trained."),
    ] = Path("results/rooms.json"),
) -> None:
    """Compare variants of the recipe `rooms` from the same initial weights, over several seeds."""
    weights = checkpoint.load(init)
    kinds = {str(recipe.keep): recipe.pictures(data) for recipe in (ROOMS, _with(keep={}))}
    distance = Evaluator(kinds[str(ROOMS.keep)].held_out)
    conditions = {
        "weights": weights.hash,
        "images_seen": weights.metadata.get("images_seen"),
        "images": images,
        "kid_n": distance.count,
    }

    def train(recipe: Recipe, seed: int) -> dict[str, Any]:
        recipe = dataclasses.replace(recipe, seed=seed)
        return ablation.train_and_measure(
            recipe, kinds[str(recipe.keep)], images, distance, init=weights
        )

    data_of = {
        "training": len(kinds[str(ROOMS.keep)].train),
        "of all kinds": len(kinds[str({})].train),
        "held-out": distance.count,
    }
    facts = ablation.run_variants(VARIANTS, seeds, conditions, data_of, out, train, typer.echo)
    typer.echo(report(facts))


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    return (
        f"KID after {facts['images']:,} more pictures (n = {facts['kid_n']:,}). The paper compares "
        f"no recipes.\n\n{ablation.summary_table(facts['trained'])}"
    )
