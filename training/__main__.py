"""`python -m training`: make checkpoints, measure and choose them, re-run the experiments.

    python -m training prepare lsun bedroom_train_lmdb data/lsun
    python -m training prepare faces photographs data/faces --aligned
    python -m training dedup data/lsun data/lsun-once
    python -m training train faces --data ../shared/data/faces --out runs/faces --minutes 100
    python -m training best runs/faces
    python -m training ship runs/faces weights/faces --data ../shared/data/faces
    python -m training evaluate weights/faces --real ../shared/data/faces
    python -m training report runs/faces
    python -m training directions weights/faces --named faces --data ../shared/data/faces
    python -m training map weights/faces
    python -m training export weights/faces
    python -m training judges --data ../shared/data/faces --out weights/judges
    python -m training windows --data ../shared/data/rooms --out weights/judges
    python -m training exemplars weights/faces
    python -m training encoder weights/faces
    python -m training run NAME --help
    python -m training results
    python -m training recipes

What goes wrong is one sentence on stderr, with exit code 1 (2 where the arguments are at fault).
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from dcgan.analysis.classifiers import load_classifier
from dcgan.media.images import encode_png
from dcgan.models import checkpoint
from dcgan.paths import require_clone
from dcgan.rendering import onnx_export
from dcgan.rendering.engine import Model
from training.attributes.classifiers import EPOCHS, train_classifiers
from training.attributes.exemplars import exemplar_sheet, pick_exemplars
from training.attributes.scores import make_scorers
from training.attributes.window_segmentation import EPOCHS as WINDOW_EPOCHS
from training.attributes.window_segmentation import train_segmenter
from training.cli.errors import one_sentence_errors
from training.cli.overrides import override
from training.cli.prepare import app as preparing
from training.cli.prepare import remove_duplicates
from training.core import distributed, run_checkpoints, run_log
from training.core.loop import Budget, OnCollapse, Run
from training.core.mode_collapse import DIVERSITY_SAMPLES, mean_pairwise_distance, measure_collapse
from training.data.datasets import load_images, to_channels_last
from training.directions.attribute import SAMPLE_COUNTS, choose_directions, fit_directions
from training.directions.encoder import MINUTES, train_encoder
from training.directions.latent_map import make_latent_map
from training.directions.principal import principal_directions
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
from training.metrics import evaluation
from training.metrics.distances import FEATURES
from training.recipes import RECIPES, Option, Recipe, recipe_json
from training.release import release as shipping
from training.release.theano import import_theano as import_from_theano
from training.reports import recipes_page, results_page
from training.reports import run_report as reporting

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
    "directions": directions,
    "mnist": mnist,
    "rooms": rooms,
    "projection": projection,
}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
experiments = typer.Typer(no_args_is_help=True)
app.add_typer(experiments, name="run", help="Re-run an experiment of the paper.")
app.add_typer(preparing, name="prepare", help="Make shards to train on of other pictures.")
app.command("dedup")(remove_duplicates)

Data = Annotated[str, typer.Option(help="Folder of parquet or pictures, or Hub data set.")]


@app.callback()
def main() -> None:
    """Train DCGANs and measure what they have learned."""


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise typer.BadParameter(f"there is no recipe {name!r}; choose {', '.join(RECIPES)}")
    return RECIPES[name]


def _with_stages(folder: Path) -> list[Path]:
    return [folder, *sorted(path.parent for path in folder.glob(f"*/{checkpoint.CONFIG}"))]


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
    chosen = _recipe(recipe)
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
def ship(
    run: Annotated[Path, typer.Argument(help="The --out of a training run.")],
    out: Annotated[Path, typer.Argument(help="A new folder, such as weights/faces.")],
    *,
    data: Data,
    recipe: Annotated[
        str | None,
        typer.Option(help="Name of the run's recipe; for runs whose run.json does not have it."),
    ] = None,
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
    ] = shipping.MAX_STAGES,
    among: Annotated[
        int, typer.Option(min=3, help="Training pictures searched for neighbours.")
    ] = shipping.NEIGHBOURS_SEARCHED,
) -> None:
    """Make what is published of a run: best weights, directions, stages, grid and the full card."""
    weights = shipping.release_run(
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
        pictures = _recipe(recipe).pictures(real)
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


@app.command("map")
@one_sentence_errors()
def lay_out(
    weights: Annotated[Path, typer.Argument(help="A checkpoint folder.")],
) -> None:
    """Lay draws out so that neighbours are alike, and write map.json beside the weights."""
    found, nearness = make_latent_map(Model("map", checkpoint.load(weights)))
    checkpoint.save_map(weights, found)
    typer.echo(json.dumps({"neighbours": nearness}))


@app.command("export")
@one_sentence_errors()
def write_graphs(
    weights: Annotated[list[Path], typer.Argument(help="Checkpoint folders.")],
) -> None:
    """Write generator.onnx, which the page draws with, for checkpoints and their stages."""
    for folder in weights:
        for path in _with_stages(folder):
            typer.echo(onnx_export.write_graph(checkpoint.load(path)))


@app.command("directions")
@one_sentence_errors()
def write_directions(
    weights: Annotated[Path, typer.Argument(help="A checkpoint folder.")],
    *,
    kind: Annotated[
        Literal["faces", "rooms"] | None,
        typer.Option("--named", help="What it draws: directions that judges find, by name, too."),
    ] = None,
    judged_by: Annotated[Path, typer.Option("--judges", help="Folder.")] = Path("weights/judges"),
    data: Annotated[
        str | None, typer.Option(help="Labelled faces, for age and to compare with.")
    ] = None,
) -> None:
    """Add directions to a checkpoint and its stages: the principal ones, and those with names."""
    opened = checkpoint.load(weights)
    found = principal_directions(opened.generator())
    if kind:
        model = Model(kind, opened)
        seeing = make_scorers(kind, model, judged_by, data)
        chosen = choose_directions(
            model, seeing, fit_directions(model, seeing, *SAMPLE_COUNTS[kind])
        )
        found = {name: step.round(6).tolist() for name, (_, step) in chosen.items()} | found
        typer.echo("; ".join(f"{name}: {way}" for name, (way, _) in chosen.items()))
    kept = {name: step for name, step in opened.directions.items() if name not in found}
    for folder in _with_stages(weights):
        checkpoint.save_directions(folder, {**kept, **found})
    typer.echo(f"{weights / checkpoint.DIRECTIONS}: {', '.join(found)}")


@app.command()
@one_sentence_errors()
def judges(
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder, such as weights/judges.")],
    epochs: Annotated[int, typer.Option(min=1, help="Through its half of the pictures.")] = EPOCHS,
) -> None:
    """Train the two judges of faces; what they are worth on held-out pictures comes last."""
    typer.echo(json.dumps(train_classifiers(data, out, typer.echo, epochs), indent=1))


@app.command()
@one_sentence_errors()
def windows(
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder, such as weights/judges.")],
    epochs: Annotated[int, typer.Option(min=1, help="Through the pictures.")] = WINDOW_EPOCHS,
) -> None:
    """Train the judge of windows; what it is worth on held-out pictures comes last."""
    typer.echo(json.dumps(train_segmenter(data, out, typer.echo, epochs), indent=1))


@app.command()
@one_sentence_errors()
def exemplars(
    weights: Annotated[Path, typer.Argument(help="A checkpoint folder, of faces.")],
    *,
    judged_by: Annotated[Path, typer.Option("--judges", help="Folder.")] = Path("weights/judges"),
    drop: Annotated[list[str], typer.Option(help='A z to leave out, like "z(1,4)".')] = [],  # noqa: B006  (typer copies it)
    picture: Annotated[Path | None, typer.Option("--sheet", help="PNG of what was picked.")] = None,
) -> None:
    """Pick a model's exemplars for sums and turns, and write them to its sets.json."""
    model = Model("faces", checkpoint.load(weights))
    sets = pick_exemplars(model, load_classifier(judged_by, "a")[0], drop)
    checkpoint.save_exemplars(weights, sets)
    if picture:
        checkpoint.write_atomically(picture, encode_png(exemplar_sheet(model, sets)))
    typer.echo(f"{weights / checkpoint.EXEMPLARS}: {', '.join(sets['exemplars'])}")


@app.command()
@one_sentence_errors()
def encoder(
    weights: Annotated[Path, typer.Argument(help="A checkpoint folder.")],
    *,
    minutes: Annotated[float, typer.Option(min=0.01, help="To train for.")] = MINUTES,
) -> None:
    """Train an encoder on a checkpoint's own samples; what it is worth comes last, as JSON."""
    typer.echo(json.dumps(train_encoder(weights, typer.echo, minutes)))


@app.command()
@one_sentence_errors()
def import_theano(
    source: Annotated[Path, typer.Argument(help="Folder of the authors' .npy files.")],
    out: Annotated[Path, typer.Argument(help="Folder for the checkpoint.")],
) -> None:
    """Make a checkpoint of the authors' own SVHN parameters."""
    typer.echo(f"{out}: {import_from_theano(source, out).hash}")


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


@app.command("results")
@one_sentence_errors()
def write_results(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("docs/RESULTS.md"),
) -> None:
    """Write docs/RESULTS.md from the figures that experiments have kept in results/."""
    require_clone("the page of results")
    checkpoint.write_atomically(out, results_page.results_page(EXPERIMENTS).encode())


@app.command("recipes")
@one_sentence_errors()
def write_guide(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("docs/RECIPES.md"),
    timed: Annotated[
        bool, typer.Option("--timed", help="Only time steps of each here, for the next page.")
    ] = False,
) -> None:
    """Write docs/RECIPES.md: what each recipe takes and gives, counted and measured."""
    require_clone("the page of recipes")
    if timed:  # in a mixed precision, of which Accelerate has one a process
        return recipes_page.write_speeds(RECIPES)
    return checkpoint.write_atomically(out, recipes_page.recipes_page(RECIPES).encode())


for _name, _module in EXPERIMENTS.items():
    experiments.command(_name)(one_sentence_errors()(_module.run))


if __name__ == "__main__":
    app(prog_name="python -m training")
