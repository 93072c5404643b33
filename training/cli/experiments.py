"""Commands of the paper's experiments (`run NAME`) and of the pages generated from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dcgan.models import checkpoint
from dcgan.paths import require_clone
from training.cli.errors import one_sentence_errors
from training.experiments import (
    arithmetic,
    cifar10,
    directions,
    duplicates,
    forget,
    guidelines,
    memorisation,
    mnist,
    projection,
    rooms,
    svhn,
    turn,
)
from training.recipes import RECIPES
from training.reports import korean, recipes_page, results_page

app = typer.Typer()
experiments = typer.Typer(no_args_is_help=True)
app.add_typer(experiments, name="run", help="Re-run an experiment of the paper.")

# in the order of the paper; then those that are not in it
EXPERIMENTS = {
    "guidelines": guidelines,
    "duplicates": duplicates,
    "cifar10": cifar10,
    "svhn": svhn,
    "memorisation": memorisation,
    "forget": forget,
    "arithmetic": arithmetic,
    "turn": turn,
    "directions": directions,
    "mnist": mnist,
    "rooms": rooms,
    "projection": projection,
}


@app.command("results")
@one_sentence_errors()
def write_results(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("docs/RESULTS.md"),
) -> None:
    """Generate docs/RESULTS.md, and RESULTS.ko.md in Korean, from the experiments' files in
    results/."""
    require_clone("the page of results")
    english = results_page.results_page(EXPERIMENTS)
    checkpoint.write_atomically(out, english.encode())
    checkpoint.write_atomically(out.with_suffix(".ko.md"), korean.korean(english).encode())


@app.command("recipes")
@one_sentence_errors()
def write_guide(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("docs/RECIPES.md"),
    timed: Annotated[
        bool,
        typer.Option("--timed", help="Time training steps on this machine only; write no page."),
    ] = False,
) -> None:
    """Generate docs/RECIPES.md: cost and results of each recipe."""
    require_clone("the page of recipes")
    if timed:  # separately: Accelerate allows one mixed precision per process
        return recipes_page.write_speeds(RECIPES)
    return checkpoint.write_atomically(out, recipes_page.recipes_page(RECIPES).encode())


for _name, _module in EXPERIMENTS.items():
    experiments.command(_name)(one_sentence_errors()(_module.run))
