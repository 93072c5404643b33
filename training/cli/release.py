"""Commands for releasing checkpoints: ship, and those that make side files of a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from dcgan.analysis.classifiers import load_classifier
from dcgan.media.images import encode_png
from dcgan.models import checkpoint
from dcgan.rendering import onnx_export
from dcgan.rendering.engine import Model
from training.attributes.classifiers import EPOCHS, train_classifiers
from training.attributes.exemplars import exemplar_sheet, pick_exemplars
from training.attributes.options import ClassifierFolder
from training.attributes.scores import make_scorers
from training.attributes.window_segmentation import EPOCHS as WINDOW_EPOCHS
from training.attributes.window_segmentation import train_segmenter
from training.cli.errors import one_sentence_errors
from training.cli.options import Data, with_stages
from training.directions.attribute import SAMPLE_COUNTS, choose_directions, fit_directions
from training.directions.encoder import MINUTES, train_encoder
from training.directions.latent_map import make_latent_map
from training.directions.principal import principal_directions
from training.release import release as shipping
from training.release.theano import import_theano as import_from_theano

app = typer.Typer()


@app.command()
@one_sentence_errors()
def ship(
    run: Annotated[Path, typer.Argument(help="Folder of a training run (its --out).")],
    out: Annotated[Path, typer.Argument(help="New folder, such as weights/faces.")],
    *,
    data: Data,
    recipe: Annotated[
        str | None,
        typer.Option(help="Name of the run's recipe, for a run.json without one."),
    ] = None,
    by: Annotated[
        Path | None,
        typer.Option(help="JSON of `run cifar10 --along RUN`, to choose by D instead of KID."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="JSON with recipe, minutes, images_seen, kid.")
    ] = None,
    weaknesses: Annotated[Path | None, typer.Option(help="Markdown file for the card.")] = None,
    earlier: Annotated[
        int, typer.Option("--stages", min=1, help="Maximum number of stages, each as large as G.")
    ] = shipping.MAX_STAGES,
    among: Annotated[
        int, typer.Option(min=3, help="Number of training images searched for neighbours.")
    ] = shipping.NEIGHBOURS_SEARCHED,
) -> None:
    """Release a run: best weights, directions, stages, sample grid and model card."""
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


@app.command("export")
@one_sentence_errors()
def write_graphs(
    weights: Annotated[list[Path], typer.Argument(help="Checkpoint folders.")],
) -> None:
    """Write generator.onnx, used for rendering, for checkpoints and their stages."""
    for folder in weights:
        for path in with_stages(folder):
            typer.echo(onnx_export.write_graph(checkpoint.load(path)))


@app.command("directions")
@one_sentence_errors()
def write_directions(
    weights: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    *,
    kind: Annotated[
        Literal["faces", "rooms"] | None,
        typer.Option("--named", help="Kind of model, to add attribute directions."),
    ] = None,
    classifier_folder: ClassifierFolder = Path("weights/judges"),
    data: Annotated[
        str | None, typer.Option(help="Labelled faces, for age and the method `labels`.")
    ] = None,
) -> None:
    """Add principal directions, and attribute directions, to a checkpoint and its stages."""
    opened = checkpoint.load(weights)
    found = principal_directions(opened.generator())
    if kind:
        model = Model(kind, opened)
        seeing = make_scorers(kind, model, classifier_folder, data)
        chosen = choose_directions(
            model, seeing, fit_directions(model, seeing, *SAMPLE_COUNTS[kind])
        )
        found = {name: step.round(6).tolist() for name, (_, step) in chosen.items()} | found
        typer.echo("; ".join(f"{name}: {way}" for name, (way, _) in chosen.items()))
    if damage := opened.readable.damaged.get(checkpoint.DIRECTIONS):
        typer.echo(f"Directions that this file had are lost: {damage}", err=True)
    kept = {name: step for name, step in opened.readable.directions.items() if name not in found}
    for folder in with_stages(weights):
        checkpoint.save_directions(folder, {**kept, **found})
    typer.echo(f"{weights / checkpoint.DIRECTIONS}: {', '.join(found)}")


@app.command("map")
@one_sentence_errors()
def lay_out(
    weights: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
) -> None:
    """Arrange samples by similarity on a latent map, and write map.json beside the weights."""
    found, nearness = make_latent_map(Model("map", checkpoint.load(weights)))
    checkpoint.save_map(weights, found)
    typer.echo(json.dumps({"neighbours": nearness}))


@app.command("judges", hidden=True)  # its name before version 0.1
@app.command("attribute-classifiers")
@one_sentence_errors()
def train_attribute_classifiers(
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder, such as weights/judges.")],
    epochs: Annotated[int, typer.Option(min=1, help="Number of training epochs.")] = EPOCHS,
) -> None:
    """Train the two attribute classifiers of faces and print their accuracy on held-out images."""
    typer.echo(json.dumps(train_classifiers(data, out, typer.echo, epochs), indent=1))


@app.command("windows", hidden=True)  # its name before version 0.1
@app.command("window-segmenter")
@one_sentence_errors()
def train_window_segmenter(
    *,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder, such as weights/judges.")],
    epochs: Annotated[int, typer.Option(min=1, help="Number of training epochs.")] = WINDOW_EPOCHS,
) -> None:
    """Train the window segmenter and print its accuracy on held-out images."""
    typer.echo(json.dumps(train_segmenter(data, out, typer.echo, epochs), indent=1))


@app.command()
@one_sentence_errors()
def exemplars(
    weights: Annotated[Path, typer.Argument(help="Checkpoint folder of a model of faces.")],
    *,
    classifier_folder: ClassifierFolder = Path("weights/judges"),
    drop: Annotated[list[str], typer.Option(help='Latent to leave out, such as "z(1,4)".')] = [],  # noqa: B006  (typer copies it)
    picture: Annotated[Path | None, typer.Option("--sheet", help="PNG of the exemplars.")] = None,
) -> None:
    """Pick a model's exemplars for sums and turns, and write them to its sets.json."""
    model = Model("faces", checkpoint.load(weights))
    sets = pick_exemplars(model, load_classifier(classifier_folder, "a")[0], drop)
    checkpoint.save_exemplars(weights, sets)
    if picture:
        checkpoint.write_atomically(picture, encode_png(exemplar_sheet(model, sets)))
    typer.echo(f"{weights / checkpoint.EXEMPLARS}: {', '.join(sets['exemplars'])}")


@app.command()
@one_sentence_errors()
def encoder(
    weights: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    *,
    minutes: Annotated[float, typer.Option(min=0.01, help="Training time in minutes.")] = MINUTES,
) -> None:
    """Train an encoder on a checkpoint's own samples and print its accuracy as JSON."""
    typer.echo(json.dumps(train_encoder(weights, typer.echo, minutes)))


@app.command()
@one_sentence_errors()
def import_theano(
    source: Annotated[Path, typer.Argument(help="Folder with the authors' .npy files.")],
    out: Annotated[Path, typer.Argument(help="Folder for the checkpoint.")],
) -> None:
    """Convert the authors' SVHN parameters to a checkpoint."""
    typer.echo(f"{out}: {import_from_theano(source, out).hash}")
