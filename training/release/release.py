"""A run becomes a shipped checkpoint: best weights, directions, stages, grid and a full card.

    python -m training ship runs/faces weights/faces --data ../shared/data/faces

About 5 minutes of CPU time, most of it the features of training pictures; on the machine that
trained, as the card states its cores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint
from dcgan.models.networks import Generator
from dcgan.rendering import onnx_export
from training.core.loop import Budget
from training.core.state import newest_facts
from training.data.datasets import Images, shown
from training.data.readers import DataError
from training.data.sampler import random
from training.directions.principal import principal_directions
from training.metrics import evaluation
from training.metrics.distances import Features, kernel_distance
from training.metrics.nearest_neighbours import Pictures, compare
from training.recipes import RECIPES
from training.release.model_card import (
    GRID,
    GRID_FILE,
    GRID_SEED,
    Baseline,
    Measured,
    Picked,
    ShipError,
    card,
)

STAGES = 5
AMONG = 5000
"""Training pictures searched for neighbours: their features take 3 minutes of CPU time."""
SEARCHED = 500
"""Samples, and held-out pictures, whose neighbours are searched."""
ROWS = 8
"""Of them in the figure."""
NEIGHBOURS_FILE = "neighbours.png"


def ship(
    run: Path,
    out: Path,
    data: str,
    recipe: str = "faces",
    *,
    by: Path | None = None,
    baseline: Path | None = None,
    weaknesses: Path | None = None,
    earlier: int = STAGES,
    among: int = AMONG,
) -> Checkpoint:
    """Write the run's checkpoint of lowest KID to the new folder `out`, with all that goes with it.

    by: JSON of `run cifar10 --along RUN`, to ship its checkpoint of highest validation accuracy
    instead. baseline: JSON with recipe, minutes, images_seen, kid. weaknesses: Markdown for the
    card. earlier: at most so many stages of the run, each as large as G. among: how many training
    pictures are searched for neighbours.
    Raises ShipError, StateError, DataError, CheckpointError, and OSError (`out` not empty, too).
    """
    if recipe not in RECIPES:
        raise ShipError(f"there is no recipe {recipe!r}; choose {', '.join(RECIPES)}")
    trained = RECIPES[recipe]
    picked = Picked.read(by) if by else None
    best = evaluation.best(run, picked.images if picked else None)
    source = checkpoint.load(evaluation.folder_of(run, best["images"]))
    if source.config != trained.model:
        raise ShipError(
            f"{run} has another network than the recipe {recipe!r}: give the recipe that it was "
            "trained with"
        )
    compared = Baseline.read(baseline) if baseline else None
    faults = weaknesses.read_text(encoding="utf-8").strip() if weaknesses else ""
    pictures = trained.pictures(data)
    if len(pictures.held_out) < ROWS:
        raise DataError(
            f"{data} has {len(pictures.held_out)} held-out pictures, and a card shows {ROWS}: give "
            "the data that the run was trained on"
        )
    weights, chosen = evaluation.copy_best(run, out, best["images"])
    curve = newest_facts(run)["curve"]
    onnx_export.write_graph(weights)
    generator = weights.generator()
    directions = principal_directions(generator)
    checkpoint.save_directions(out, directions)
    shape = len(pictures.train), trained.batch_size
    for name, entry in stages(curve, chosen, *shape, earlier).items():
        earlier_card = (
            f"The generator of [{out.name}](../README.md) after {entry['images']:,} images; data "
            "and terms stand there."
        )
        then = checkpoint.load(evaluation.folder_of(run, entry["images"])).generator()
        onnx_export.write_graph(
            checkpoint.save(out / name, then, None, evaluation.card(earlier_card, entry))
        )
        checkpoint.save_directions(out / name, directions)
    measured = _measure(generator, pictures, among)
    samples = evaluation.sample(generator, GRID, GRID_SEED)
    checkpoint.write_atomically(out / GRID_FILE, images.encode_png(images.make_grid(samples)))
    figure = measured.neighbours.figure(ROWS)  # of people: not for publishing
    checkpoint.write_atomically(run / NEIGHBOURS_FILE, images.encode_png(figure))
    text = card(out.name, recipe, data, pictures, curve, chosen, measured, picked, compared, faults)
    checkpoint.write_atomically(out / checkpoint.CARD, text.encode())
    return weights


def stages(
    curve: Sequence[dict[str, Any]],
    chosen: dict[str, Any],
    pictures: int,
    batch_size: int,
    count: int = STAGES,
) -> dict[str, dict[str, Any]]:
    """Up to `count` entries of the curve before the chosen one, by name, in order.

    Those at the end of an epoch that runs mark and the first entry, then whichever lies deepest in
    a gap on a logarithmic scale. An epoch may have had one step more than now, from pictures that
    the loader has learned to skip since.
    """
    earlier = {e["images"]: e for e in curve if e["images"] < chosen["images"]}
    steps = pictures // batch_size
    epochs = {
        epoch * length * batch_size: epoch
        for epoch in Budget().checkpoint_epochs
        for length in (steps, steps + 1)
    }
    marked = [n for n in earlier if n in epochs or n == min(earlier)]
    picked = sorted(marked, key=lambda n: n not in epochs)[:count]
    while len(picked) < min(count, len(earlier)):
        taken = [*picked, chosen["images"]]
        left = [n for n in earlier if n not in picked]
        picked.append(max(left, key=lambda n: min(abs(math.log(n / other)) for other in taken)))
    thousands = {n: f"{n / 1000:.0f}k" if n >= 10_000 else str(n) for n in picked}
    return {
        f"epoch-{epochs[n]}" if n in epochs else f"seen-{thousands[n]}": earlier[n]
        for n in sorted(picked)
    }


def _measure(generator: Generator, pictures: Images, among: int) -> Measured:
    features = Features()
    order = random(GRID_SEED, "neighbours", 0).permutation(len(pictures.train))
    parts = pictures.train[order[:among]], pictures.held_out[: evaluation.COUNT]
    trained, real = (Pictures(pixels, features(pixels)) for pixels in map(shown, parts))
    held_out = real.first(SEARCHED)
    drawn = evaluation.sample(generator, len(held_out.pixels), GRID_SEED)
    return Measured(
        kernel_distance(trained.features, real.features),
        min(len(trained.pixels), len(real.pixels)),
        compare(Pictures(drawn, features(drawn)), held_out, trained),
    )
