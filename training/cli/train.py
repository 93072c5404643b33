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
    recipe: Annotated[str, typer.Argument(help=f"One of {', '.join(RECIPES)}.")],
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the log, grids, states, checkpoints.")],
    minutes: Annotated[float | None, typer.Option(help="Stop after this time in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Stop after this many steps in all.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    init: Annotated[str | None, typer.Option(help="Start from these weights.")] = None,
    precision: Annotated[
        Literal["bf16", "fp16", "no"] | None, typer.Option(help="By default the best there is.")
    ] = None,
    options: Annotated[
        list[Option], typer.Option("--with", help="Options of the recipe to turn on.")
    ] = [],  # noqa: B006  (typer copies it)
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the recipe's.")] = None,
    assignments: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any field of the recipe, such as batch_size=64 or model.prior=normal.",
        ),
    ] = [],  # noqa: B006  (typer copies it)
    on_collapse: Annotated[
        OnCollapse, typer.Option(help="What to do when G's maps or pictures become alike.")
    ] = "warn",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print recipe and data, stop.")
    ] = False,
) -> None:
    """Train a recipe. SIGTERM and Ctrl-C stop it so that --resume goes on exactly."""
    chosen = find_recipe(recipe)
    if resume and init:
        raise typer.BadParameter("--resume goes on with a run, --init starts one: give one")
    if not dry_run:
        record = run_log.read_record(out)  # a damaged one is refused before the data is decoded
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
    run: Annotated[Path, typer.Argument(help="The --out of a training run.")],
    out: Annotated[
        Path | None, typer.Argument(help="A new folder; by default `best` within the run's.")
    ] = None,
) -> None:
    """Copy the checkpoint of lowest KID of a run."""
    out = out or run / "best"
    weights, entry = run_checkpoints.copy_best(run, out)
    typer.echo(
        f"{out}: {weights.hash}, {entry['images']:,} images, {run_checkpoints.kid_text(entry)}"
    )


@app.command()
@one_sentence_errors()
def evaluate(
    weights: Annotated[str, typer.Argument(help="A checkpoint folder or user/repo.")],
    *,
    real: Annotated[str, typer.Option(help="Folder of parquet or pictures, or Hub data set.")],
    recipe: Annotated[
        str | None, typer.Option(help="By whose rules pictures are chosen and held out.")
    ] = None,
    features: Annotated[
        Literal["efficientnet-lite0", "inception"], typer.Option(help="That are compared.")
    ] = "efficientnet-lite0",
    count: Annotated[
        int | None,
        typer.Option(min=evaluation.MIN_HELD_OUT, help="Of pictures compared; by default 2,000."),
    ] = None,
) -> None:
    """Compare a checkpoint's pictures with held-out ones: KID, Fréchet distance, precision, recall,
    copies, collapse; JSON comes last."""
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
    run: Annotated[Path, typer.Argument(help="The --out of a training run.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; by default report.html in the run's folder.")
    ] = None,
) -> None:
    """Write a page about a run: curves, its pictures as a film, distances, where it was trained."""
    out = out or run / "report.html"
    checkpoint.write_atomically(out, reporting.run_report(run).encode())
    typer.echo(out)
