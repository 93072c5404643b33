"""`python -m training`: make checkpoints, measure and choose them, re-run the experiments.

    python -m training prepare lsun bedroom_train_lmdb data/lsun
    python -m training prepare faces photographs data/faces --aligned
    python -m training dedup data/lsun data/lsun-once
    python -m training train faces --data ../shared/data/faces --out runs/faces --minutes 100
    python -m training best runs/faces weights/faces
    python -m training ship runs/faces weights/faces --data ../shared/data/faces
    python -m training evaluate weights/faces --data ../shared/data/faces
    python -m training directions weights/faces
    python -m training judges --data ../shared/data/faces --out weights/judges
    python -m training windows --data ../shared/data/rooms --out weights/judges
    python -m training exemplars weights/faces
    python -m training run NAME --help
    python -m training results
    python -m training recipes

What goes wrong is one sentence on stderr, with exit code 1 (2 where the arguments are at fault).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dcgan import checkpoint
from dcgan.boxes import BoxesError
from dcgan.engine import Model
from dcgan.features import FeatureError
from dcgan.images import encode_png
from dcgan.judges import load as load_judge
from dcgan.spec import SpecError
from training import evaluation, guide, results
from training import ship as shipping
from training.data import load_images
from training.dedup import ALIKE, dedup
from training.directions import principal_directions
from training.exemplars import ExemplarError, pick, sheet
from training.experiments import (
    arithmetic,
    cifar10,
    duplicates,
    forget,
    guidelines,
    memorisation,
    mnist,
    rooms,
    svhn,
    turn,
)
from training.judges import EPOCHS, train_judges
from training.loop import Budget, OnCollapse, Run, TrainingError
from training.prepare.centres import centre
from training.prepare.faces import Faces
from training.prepare.shards import Cut, write_shards
from training.recipes import RECIPES, describe
from training.sources import DataError
from training.state import StateError
from training.theano import import_theano as import_from_theano
from training.windows import EPOCHS as WINDOW_EPOCHS
from training.windows import train_windows

# in the order of the paper, and what is not in it
EXPERIMENTS = {
    "guidelines": guidelines,
    "duplicates": duplicates,
    "cifar10": cifar10,
    "svhn": svhn,
    "memorisation": memorisation,
    "forget": forget,
    "arithmetic": arithmetic,
    "turn": turn,
    "mnist": mnist,
    "rooms": rooms,
}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
experiments = typer.Typer(no_args_is_help=True)
app.add_typer(experiments, name="run", help="Re-run an experiment of the paper.")
preparing = typer.Typer(no_args_is_help=True)
app.add_typer(preparing, name="prepare", help="Make shards to train on of other pictures.")

Data = Annotated[str, typer.Option(help="Folder of parquet or pictures, or Hub data set.")]


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    try:
        yield
    except (
        DataError,
        StateError,
        TrainingError,
        shipping.ShipError,
        ExemplarError,
        checkpoint.CheckpointError,
        BoxesError,
        SpecError,
        FeatureError,
        OSError,
    ) as error:
        typer.secho(f"Error: {error}", err=True, fg="red")
        raise typer.Exit(1) from None


@app.callback()
def main() -> None:
    """Train DCGANs and measure what they have learned."""


@preparing.callback()
def _preparing() -> None:
    """Make shards to train on of other pictures."""


Source = Annotated[
    str,
    typer.Argument(help="Folder of pictures or parquet, LSUN's LMDB, or Hub data set (streamed)."),
]
Shards = Annotated[Path, typer.Argument(help="Folder for the shards; what it lacks is made.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many pictures.")]
Processes = Annotated[int, typer.Option(help="That cut at the same time; -1: one a core.")]


def _centres(default: int) -> Callable[..., None]:
    """The command that cuts out centres, of this size where no other is given."""

    def command(
        source: Source,
        out: Shards,
        size: Annotated[int, typer.Option(min=8, help="Of the square pictures.")] = default,
        limit: Limit = None,
        processes: Processes = -1,
    ) -> None:
        cut = partial(centre, size=size)
        _prepare(source, out, cut, {"centre": size}, limit=limit, processes=processes)

    return _in_one_sentence()(command)


for _set, _size, _what in (
    ("lsun", 64, "LSUN's bedrooms: its database, or what it was exported to."),
    ("imagenet", 32, "ImageNet, in folders or from the Hub: scaled to 32 pixels, the centre."),
    ("folder", 64, "Any pictures: scaled until the shorter side fits, the centre."),
):
    preparing.command(_set, help=_what)(_centres(_size))


@preparing.command("faces")
@_in_one_sentence()
def prepare_faces(
    source: Source,
    out: Shards,
    *,
    size: Annotated[int, typer.Option(min=8, help="Of the square pictures.")] = 64,
    smallest: Annotated[
        int | None, typer.Option(min=20, help="Side of a face in pixels; by default the size.")
    ] = None,
    margin: Annotated[float, typer.Option(min=0, help="Round a face, in sides of it.")] = 0.1,
    aligned: Annotated[
        bool, typer.Option("--aligned", help="By the eyes; without them a face is left out.")
    ] = False,
    largest: Annotated[
        bool, typer.Option("--largest", help="Only the largest face of a photograph.")
    ] = False,
    limit: Limit = None,
    processes: Processes = -1,
) -> None:
    """Cut the faces out of photographs, as OpenCV's cascades find them."""
    cut = Faces(size, smallest or size, margin, aligned, largest)
    _prepare(source, out, cut, asdict(cut), limit=limit, processes=processes)


def _prepare(source: str, out: Path, cut: Cut, settings: dict[str, Any], **options: Any) -> None:
    """What was kept and what was left out comes last, as JSON."""
    done = write_shards(source, out, cut, settings, say=typer.echo, **options)
    typer.echo(json.dumps(asdict(done)))


@app.command("dedup")
@_in_one_sentence()
def remove_duplicates(
    source: Source,
    out: Shards,
    *,
    alike: Annotated[
        float, typer.Option(min=0, max=1, help="Correlation of duplicates' 32x32 pixels.")
    ] = ALIKE,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Mirror images are duplicates, too.")
    ] = False,
    processes: Processes = -1,
) -> None:
    """Leave out near-duplicates (section 4.1.1): one of each group goes into the shards."""
    done = dedup(source, out, alike, mirrored, processes=processes, say=typer.echo)
    typer.echo(json.dumps(asdict(done)))


@app.command()
@_in_one_sentence()
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
        Literal["bf16", "no"] | None, typer.Option(help="By default the best there is.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the recipe's.")] = None,
    on_collapse: Annotated[
        OnCollapse, typer.Option(help="What to do when G's maps or pictures become alike.")
    ] = "warn",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print recipe and data, stop.")
    ] = False,
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
    pictures = chosen.pictures(data)
    typer.echo(pictures.report())
    if dry_run:
        return
    run = Run(chosen, pictures, out, precision, on_collapse)
    if init:
        run.trainer.start_from(checkpoint.load(init))
    if resume:
        run.resume(typer.echo)
    run.train(Budget(minutes, steps), typer.echo)


@app.command()
@_in_one_sentence()
def best(
    run: Annotated[Path, typer.Argument(help="The --out of a training run.")],
    out: Annotated[Path, typer.Argument(help="A new folder for the checkpoint.")],
) -> None:
    """Copy the checkpoint of lowest KID of a run."""
    weights, entry = evaluation.copy_best(run, out)
    typer.echo(f"{out}: {weights.hash}, {entry['images']:,} images, {evaluation.kid_text(entry)}")


@app.command()
@_in_one_sentence()
def ship(
    run: Annotated[Path, typer.Argument(help="The --out of a training run.")],
    out: Annotated[Path, typer.Argument(help="A new folder, such as weights/faces.")],
    *,
    data: Data,
    recipe: Annotated[str, typer.Option(help="That the run was trained with.")] = "faces",
    by: Annotated[
        Path | None,
        typer.Option(help="JSON of `run cifar10 --along RUN`: its best D, not the lowest KID."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="JSON: recipe, minutes, images_seen, kid.")
    ] = None,
    weaknesses: Annotated[Path | None, typer.Option(help="Markdown for the card.")] = None,
    earlier: Annotated[
        int, typer.Option("--stages", min=1, help="At most, of the run; each as large as G.")
    ] = shipping.STAGES,
    among: Annotated[
        int, typer.Option(min=3, help="Training pictures searched for neighbours.")
    ] = shipping.AMONG,
) -> None:
    """Make what is published of a run: best weights, directions, stages, grid and the full card."""
    weights = shipping.ship(
        run,
        out,
        data,
        recipe,
        by=by,
        baseline=baseline,
        weaknesses=weaknesses,
        earlier=earlier,
        among=among,
    )
    typer.echo(f"{out}: {weights.hash}, {weights.metadata['images_seen']:,} images")


@app.command()
@_in_one_sentence()
def evaluate(
    weights: Annotated[str, typer.Argument(help="A checkpoint folder or user/repo.")],
    data: Data,
) -> None:
    """Measure the KID of a checkpoint against the data's held-out pictures; JSON comes last."""
    opened = checkpoint.load(weights)
    pictures = load_images(data, opened.config.image_size, opened.config.channels)
    typer.echo(pictures.report())
    distance = evaluation.Distance(pictures.held_out)
    kid = distance(opened.generator())
    typer.echo(json.dumps({"weights": opened.hash, "kid": kid, "n": distance.count}))


@app.command()
@_in_one_sentence()
def directions(
    weights: Annotated[Path, typer.Argument(help="A checkpoint folder.")],
) -> None:
    """Add the principal directions of the first layer's output, pc1 to pc8, to a checkpoint."""
    opened = checkpoint.load(weights)
    found = principal_directions(opened.generator())
    checkpoint.save_directions(opened.folder, {**opened.directions, **found})
    typer.echo(f"{opened.folder / checkpoint.DIRECTIONS}: {', '.join(found)}")


@app.command()
@_in_one_sentence()
def judges(
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder, such as weights/judges.")],
    epochs: Annotated[int, typer.Option(min=1, help="Through its half of the pictures.")] = EPOCHS,
) -> None:
    """Train the two judges of faces; what they are worth on held-out pictures comes last."""
    typer.echo(json.dumps(train_judges(data, out, typer.echo, epochs), indent=1))


@app.command()
@_in_one_sentence()
def windows(
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder, such as weights/judges.")],
    epochs: Annotated[int, typer.Option(min=1, help="Through the pictures.")] = WINDOW_EPOCHS,
) -> None:
    """Train the judge of windows; what it is worth on held-out pictures comes last."""
    typer.echo(json.dumps(train_windows(data, out, typer.echo, epochs), indent=1))


@app.command()
@_in_one_sentence()
def exemplars(
    weights: Annotated[Path, typer.Argument(help="A checkpoint folder, of faces.")],
    *,
    judged_by: Annotated[Path, typer.Option("--judges", help="Folder.")] = Path("weights/judges"),
    drop: Annotated[list[str], typer.Option(help='A z to leave out, like "z(1,4)".')] = [],  # noqa: B006  (typer copies it)
    picture: Annotated[Path | None, typer.Option("--sheet", help="PNG of what was picked.")] = None,
) -> None:
    """Pick a model's exemplars for sums and turns, and write them to its sets.json."""
    model = Model("faces", checkpoint.load(weights))
    sets = pick(model, load_judge(judged_by, "a")[0], drop)
    checkpoint.save_sets(weights, sets)
    if picture:
        checkpoint.write_atomically(picture, encode_png(sheet(model, sets)))
    typer.echo(f"{weights / checkpoint.SETS}: {', '.join(sets['exemplars'])}")


@app.command()
@_in_one_sentence()
def import_theano(
    source: Annotated[Path, typer.Argument(help="Folder of the authors' .npy files.")],
    out: Annotated[Path, typer.Argument(help="Folder for the checkpoint.")],
) -> None:
    """Make a checkpoint of the authors' own SVHN parameters."""
    typer.echo(f"{out}: {import_from_theano(source, out).hash}")


@app.command("results")
@_in_one_sentence()
def write_results(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("docs/RESULTS.md"),
) -> None:
    """Write docs/RESULTS.md from the figures that experiments have kept in results/."""
    checkpoint.write_atomically(out, results.results(EXPERIMENTS).encode())


@app.command("recipes")
@_in_one_sentence()
def write_guide(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("docs/RECIPES.md"),
) -> None:
    """Write docs/RECIPES.md: what each recipe takes and gives, counted and measured."""
    checkpoint.write_atomically(out, guide.guide(RECIPES).encode())


for _name, _module in EXPERIMENTS.items():
    experiments.command(_name)(_in_one_sentence()(_module.run))


if __name__ == "__main__":
    app(prog_name="python -m training")
