"""Commands of training runs: train, best, evaluate, report."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from dcgan.models import checkpoint
from training.cli.errors import one_sentence_errors
from training.cli.options import Data, find_recipe
from training.cli.overrides import override
from training.core import distributed, run_checkpoints, run_log
from training.core.loop import Budget, OnCollapse, Run
from training.core.mode_collapse import DIVERSITY_SAMPLES, mean_pairwise_distance, measure_collapse
from training.data.datasets import load_images, to_channels_last
from training.metrics import evaluation
from training.metrics.distances import FEATURES
from training.recipes import RECIPES, Option, recipe_json
from training.reports import run_report as reporting

app = typer.Typer()


@app.command()
@one_sentence_errors()
def train(
    recipe: Annotated[str, typer.Argument(help=f"Name of the recipe: {', '.join(RECIPES)}.")],
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for logs, grids, states and checkpoints.")],
    minutes: Annotated[
        float | None, typer.Option(help="Limit of the training time in all.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Limit of the number of steps in all.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in --out.")] = False,
    init: Annotated[str | None, typer.Option(help="Initial weights.")] = None,
    precision: Annotated[
        Literal["bf16", "fp16", "no"] | None,
        typer.Option(help="Mixed precision; default: the best supported."),
    ] = None,
    options: Annotated[
        list[Option], typer.Option("--with", help="Option of the recipe to turn on; repeatable.")
    ] = [],  # noqa: B006  (typer copies it)
    seed: Annotated[
        int | None, typer.Option(min=0, help="Random seed; default: the recipe's.")
    ] = None,
    assignments: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Field of the recipe, such as batch_size=64 or model.prior=normal.",
        ),
    ] = [],  # noqa: B006  (typer copies it)
    on_collapse: Annotated[
        OnCollapse, typer.Option(help="Reaction to a mode collapse of G.")
    ] = "warn",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print recipe and data only.")] = False,
) -> None:
    """Train a recipe. SIGTERM and Ctrl-C save a state from which --resume continues exactly."""
    chosen = find_recipe(recipe)
    if resume and init:
        raise typer.BadParameter("--resume goes on with a run, --init starts one: give one")
    if not dry_run:
        record = run_log.read_record(out)  # fail early if it is damaged: decoding data takes time
        if not resume and ((out / "states").is_dir() or record.curve):
            raise typer.BadParameter(f"{out} holds a run: give --resume, or another --out")
    chosen = override(chosen, assignments)
    if seed is not None:
        chosen = dataclasses.replace(chosen, seed=seed)
    chosen = dataclasses.replace(chosen, **{option.value: True for option in options})
    if not dry_run:
        distributed.check_feasible(chosen, precision)
    say = typer.echo if distributed.is_main_process() else lambda line: None
    say(recipe_json(chosen))
    pictures = distributed.load_for_all_processes(chosen, data)
    say(pictures.report())
    if dry_run:
        return
    run = Run(chosen, pictures, out, precision, on_collapse, name=recipe, data=data)
    if init:
        run.trainer.start_from(checkpoint.load(init))
    if resume:
        run.resume(say)
    run.train(Budget(minutes, steps), say)


@app.command()
@one_sentence_errors()
def best(
    run: Annotated[Path, typer.Argument(help="Folder of a training run (its --out).")],
    out: Annotated[
        Path | None, typer.Argument(help="New folder; default: `best` in the run's folder.")
    ] = None,
) -> None:
    """Copy a run's checkpoint of lowest KID."""
    out = out or run / "best"
    weights, entry = run_checkpoints.copy_best(run, out)
    typer.echo(
        f"{out}: {weights.hash}, {entry['images']:,} images, {run_checkpoints.kid_text(entry)}"
    )


@app.command()
@one_sentence_errors()
def evaluate(
    weights: Annotated[str, typer.Argument(help="Checkpoint folder or user/repo.")],
    *,
    real: Annotated[str, typer.Option(help="Folder of parquet or pictures, or Hub data set.")],
    recipe: Annotated[
        str | None, typer.Option(help="Recipe whose rules select and hold out images.")
    ] = None,
    features: Annotated[
        Literal["efficientnet-lite0", "inception"], typer.Option(help="Feature extractor.")
    ] = "efficientnet-lite0",
    count: Annotated[
        int | None,
        typer.Option(
            min=evaluation.MIN_HELD_OUT, help="Number of images to compare; default: 2,000."
        ),
    ] = None,
) -> None:
    """Compare a checkpoint's samples with held-out images; print KID, Fréchet distance, precision,
    recall, and measures of memorisation and mode collapse as JSON."""
    opened = checkpoint.load(weights)
    if recipe:
        pictures = find_recipe(recipe).pictures(real)
    else:
        pictures = load_images(real, opened.config.image_size, opened.config.channels)
    typer.echo(pictures.report())
    measured = evaluation.Evaluator(
        pictures.held_out, pictures.train, count=count, features=FEATURES[features]()
    )
    generator = opened.generator()
    facts = {
        "weights": opened.hash,
        "images_seen": opened.metadata.get("images_seen"),
        "features": features,
        **measured.figures(generator),
        **asdict(
            measure_collapse(
                generator,
                mean_pairwise_distance(to_channels_last(pictures.held_out[:DIVERSITY_SAMPLES])),
            )
        ),
    }
    typer.echo(json.dumps(facts))


@app.command()
@one_sentence_errors()
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a training run (its --out).")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; default: report.html in the run's folder.")
    ] = None,
) -> None:
    """Write an HTML report of a run: curves, sample grids as a film, metrics, machines."""
    out = out or run / "report.html"
    checkpoint.write_atomically(out, reporting.run_report(run).encode())
    typer.echo(out)
