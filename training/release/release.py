"""Release of a training run as a checkpoint: weights, directions, stages, sample grid, model card.

    python -m training ship runs/faces weights/faces --data ../shared/data/faces

The card's recipe, curve and machines come from the run's run.json. Takes about 5 minutes of CPU
time, mostly for features of training images. Release runs of earlier versions, whose run.json lacks
the machine, on the machine where they were trained.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from dcgan.config import ModelConfig
from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint
from dcgan.models.networks import Generator
from dcgan.rendering import onnx_export
from training.core import run_checkpoints, run_log
from training.core.loop import Budget
from training.core.state import StateError, newest_facts
from training.data.datasets import Images, to_channels_last
from training.data.readers import DataError
from training.data.sampler import random_generator
from training.directions.principal import principal_directions
from training.metrics import evaluation
from training.metrics.distances import EfficientNetFeatures, kernel_distance
from training.metrics.nearest_neighbours import ImageSet, compare_to_training
from training.recipes import RECIPES, Recipe, RecipeError, recipe_from_json
from training.release.model_card import (
    GRID_FILE,
    GRID_SAMPLES,
    GRID_SEED,
    Baseline,
    ChosenByFeatures,
    Measured,
    ShipError,
    write_card,
)

MAX_STAGES = 5
"""Default maximum number of stages, earlier checkpoints of the run, in a release."""
NEIGHBOURS_SEARCHED = 5000
"""Default number of training images to search; their features take 3 minutes of CPU time."""
NEIGHBOUR_QUERIES = 500
"""Number of samples, and of held-out images, whose nearest neighbours are searched."""
FIGURE_ROWS = 8
"""Number of samples, and of held-out images, in the figure of neighbours."""
NEIGHBOURS_FILE = "neighbours.png"


def release_run(
    run: Path,
    out: Path,
    data: str,
    recipe: str | None = None,
    *,
    by: Path | None = None,
    baseline: Path | None = None,
    weaknesses: Path | None = None,
    earlier: int = MAX_STAGES,
    among: int = NEIGHBOURS_SEARCHED,
) -> Checkpoint:
    """Write the run's checkpoint of lowest KID and its side files to the new folder `out`.

    recipe: name of the run's recipe, needed for runs of earlier versions only (see
    `recipe_of_run`). by: JSON of `run cifar10 --along RUN`; release its checkpoint of highest
    validation accuracy instead. baseline: JSON with recipe, minutes, images_seen, kid. weaknesses:
    Markdown file for the card. earlier: maximum number of stages, each as large as G. among: number
    of training images searched for neighbours.

    Raises ShipError, RecordError, StateError, DataError, CheckpointError, and OSError (also if
    `out` is not empty).
    """
    record = run_log.read_record(run)
    picked = ChosenByFeatures.read(by) if by else None
    best = run_checkpoints.best_entry(run, picked.images if picked else None)
    source = checkpoint.load(run_checkpoints.checkpoint_folder(run, best["images"]))
    recipe_name, trained = recipe_of_run(run, source.config, recipe)
    compared = Baseline.read(baseline) if baseline else None
    faults = weaknesses.read_text(encoding="utf-8").strip() if weaknesses else ""
    pictures = trained.pictures(data)
    if len(pictures.held_out) < FIGURE_ROWS:
        raise DataError(
            f"{data} has {len(pictures.held_out)} held-out pictures, and a card shows "
            f"{FIGURE_ROWS}: give "
            "the data that the run was trained on"
        )
    if record.pictures and record.pictures.digest not in (None, pictures.digest()):
        raise DataError(
            f"{data} has other pictures than {run} was trained on: give those, "
            f"{record.pictures.train:,} from {record.data or 'a source that was not noted down'}"
        )
    weights, chosen = run_checkpoints.copy_best(run, out, best["images"])
    curve = run_log.read_curve(run)
    onnx_export.write_graph(weights)
    generator = weights.generator()
    directions = principal_directions(generator)
    checkpoint.save_directions(out, directions)
    shape = len(pictures.train), trained.batch_size
    for name, entry in choose_stages(curve, chosen, *shape, earlier).items():
        earlier_card = (
            f"The generator of [{out.name}](../README.md) after {entry['images']:,} images; data "
            "and terms stand there."
        )
        then = checkpoint.load(run_checkpoints.checkpoint_folder(run, entry["images"])).generator()
        onnx_export.write_graph(
            checkpoint.save(
                out / name, then, None, run_checkpoints.checkpoint_card(earlier_card, entry)
            )
        )
        checkpoint.save_directions(out / name, directions)
    measured = _measure(generator, pictures, among)
    samples = generator.sample(GRID_SAMPLES, GRID_SEED)
    checkpoint.write_atomically(out / GRID_FILE, images.encode_png(images.make_grid(samples)))
    figure = measured.neighbours.figure(FIGURE_ROWS)  # of people: not for publishing
    checkpoint.write_atomically(run / NEIGHBOURS_FILE, images.encode_png(figure))
    text = write_card(
        out.name,
        recipe_name,
        trained,
        data,
        pictures,
        record,
        curve,
        chosen,
        measured,
        picked,
        compared,
        faults,
    )
    checkpoint.write_atomically(out / checkpoint.CARD, text.encode())
    return weights


def recipe_of_run(run: Path, model: ModelConfig, given: str | None = None) -> tuple[str, Recipe]:
    """Return name and content of the recipe that a run was trained with, from its folder.

    model: architecture of the run's checkpoints. given: name of the recipe, for a run.json without
    one; by default the only recipe with this architecture. Raises ShipError if the name is missing
    or does not match the run, and RecordError for a damaged run.json.
    """
    record = run_log.read_record(run)
    kept = record.recipe_name
    if given not in (None, kept, *RECIPES):
        raise ShipError(f"there is no recipe {given!r}; choose {', '.join(RECIPES)}")
    if kept and given not in (None, kept):
        raise ShipError(
            f"{run} was trained with the recipe {kept!r}, not {given!r}: leave out --recipe"
        )
    name = kept or given or _only_recipe(run, model)
    try:
        recipe = recipe_from_json(record.recipe) if record.recipe else _recipe_of_state(run, name)
    except RecipeError as error:
        raise ShipError(f"the recipe that {run} keeps can't be read: {error}") from None
    if recipe.model != model and kept:
        raise ShipError(
            f"the recipe in {run / run_log.RECORD_FILE} has another network than the run's "
            "checkpoints: "
            f"restore the {run_log.RECORD_FILE} of this run"
        )
    described = _described_alike(recipe) if record.recipe and not kept else []
    if described and name not in described:
        raise ShipError(
            f"{run} was trained with the recipe {described[0]!r}, as its {run_log.RECORD_FILE} "
            "describes "
            f"it, not {name!r}: give --recipe {described[0]}"
        )
    # --set may have given the network of a recipe another shape
    if recipe.model != model or not (kept or described or RECIPES[name].model == model):
        raise ShipError(
            f"{run} has another network than the recipe {name!r}: give the recipe that it was "
            "trained with (--recipe)"
        )
    return name, recipe


def _only_recipe(run: Path, model: ModelConfig) -> str:
    names = [name for name, recipe in RECIPES.items() if recipe.model == model]
    if len(names) == 1:
        return names[0]
    alike = f"the recipes {', '.join(names)} have" if names else "no recipe has"
    raise ShipError(
        f"the {run_log.RECORD_FILE} of {run} does not name its recipe, and {alike} its network: "
        "give the "
        "name of the one that it was trained with (--recipe)"
    )


def _recipe_of_state(run: Path, name: str) -> Recipe:
    """Return the recipe of a run without run.json, from its newest state.

    The state has all fields that affect training; description and reasons come from `RECIPES`.
    """
    if name not in RECIPES:
        raise RecipeError(
            f"{run_log.RECORD_FILE} has its name {name!r} only, and there is no such recipe"
        )
    now = RECIPES[name]
    try:
        settings = newest_facts(run).get("recipe")
    except StateError:
        settings = None
    if not settings:
        return now
    then = recipe_from_json({**settings, "description": now.description})
    reasons = {
        field: reason
        for field, reason in now.deviations.items()
        if attrgetter(field)(then) == attrgetter(field)(now)
    }
    return dataclasses.replace(then, deviations=reasons)


def _described_alike(recipe: Recipe) -> list[str]:
    """Return the names of the recipes with the same description, which no option can change."""
    return [name for name, each in RECIPES.items() if each.description == recipe.description]


def choose_stages(
    curve: Sequence[dict[str, Any]],
    chosen: dict[str, Any],
    pictures: int,
    batch_size: int,
    count: int = MAX_STAGES,
) -> dict[str, dict[str, Any]]:
    """Choose up to `count` entries of the curve before the released one; return them by name.

    The ends of the epochs in `Budget.checkpoint_epochs` and the first entry come first, then the
    entries in the largest gaps on a logarithmic scale. pictures: number of training images. An
    epoch may have had one step more than now, if the loader skips more images since.
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
    features = EfficientNetFeatures()
    order = random_generator(GRID_SEED, "neighbours", 0).permutation(len(pictures.train))
    parts = pictures.train[order[:among]], pictures.held_out[: evaluation.COMPARED_IMAGES]
    trained, real = (ImageSet(pixels, features(pixels)) for pixels in map(to_channels_last, parts))
    held_out = real.first(NEIGHBOUR_QUERIES)
    drawn = generator.sample(len(held_out.pixels), GRID_SEED)
    return Measured(
        kernel_distance(trained.features, real.features),
        min(len(trained.pixels), len(real.pixels)),
        compare_to_training(ImageSet(drawn, features(drawn)), held_out, trained),
    )
