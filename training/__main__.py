"""`python -m training`: make checkpoints and re-run the paper's experiments."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from dcgan import checkpoint
from training.data import DataError, load_images
from training.loop import Budget, Trainer, describe
from training.recipes import RECIPES
from training.state import StateError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Train DCGANs and measure what they have learned."""


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help=f"One of {', '.join(RECIPES)}.")],
    data: Annotated[str, typer.Option(help="Folder of parquet or pictures, or Hub data set.")],
    out: Annotated[Path, typer.Option(help="Folder for the log, grids, states, checkpoints.")],
    minutes: Annotated[float | None, typer.Option(help="Stop after this time.")] = None,
    steps: Annotated[int | None, typer.Option(help="Stop after this many steps.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the newest state in --out.")] = False,
    init: Annotated[str | None, typer.Option(help="Start from these weights.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="bf16, fp16 or no; by default the best there is.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Print the recipe and the data, stop.")] = False,
) -> None:
    """Train a recipe. SIGTERM and Ctrl-C stop it so that --resume goes on exactly."""
    if recipe not in RECIPES:
        raise typer.BadParameter(f"there is no recipe {recipe!r}; choose {', '.join(RECIPES)}")
    if resume and init:
        raise typer.BadParameter("--resume goes on with a run, --init starts one: give one")
    if not resume and not dry_run and (out / "states").is_dir():
        raise typer.BadParameter(f"{out} holds a run: give --resume, or another --out")
    chosen = RECIPES[recipe]
    if seed is not None:
        chosen = dataclasses.replace(chosen, seed=seed)
    typer.echo(describe(chosen))
    try:
        pictures = load_images(
            data, chosen.model.image_size, chosen.model.channels, chosen.keep, chosen.label
        )
        typer.echo(pictures.report())
        if dry_run:
            return
        trainer = Trainer(chosen, pictures, out, precision)
        if init:
            trainer.start_from(checkpoint.load(init))
        if resume:
            trainer.resume()
        trainer.run(Budget(minutes, steps), typer.echo)
    except (DataError, StateError, checkpoint.CheckpointError, ValueError) as error:
        typer.secho(f"Error: {error}", err=True, fg="red")
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
