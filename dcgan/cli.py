"""`python -m dcgan`: pictures without the page, and publishing.

    python -m dcgan render "v1:faces@0123abcd:z(1,0)" face.png --scale 4
    python -m dcgan sample weights/faces --count 2000 --seed 0 --out samples.npy --grid samples.png
    python -m dcgan walk weights/faces --seed 3 --count 6 --out walk.webp
    python -m dcgan units weights/faces boxes-mouth.json
    python -m dcgan top-activations weights/faces maps.png --layer 3
    python -m dcgan look "v1:faces@0123abcd:z(1,0)" look.png --feature 3
    python -m dcgan features weights/faces features.png
    python -m dcgan invert weights/faces photograph.jpg nearest.png
    python -m dcgan page weights/faces user/repo --port 7861
    python -m dcgan push weights/faces user/dcgan-faces
    python -m dcgan push --space user/dcgan
    python -m dcgan site runs/site --model faces --model rooms

Texts, and all of this by gradio_client, are in docs/API.md. What goes wrong is one sentence on
stderr, with exit code 1.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dcgan.analysis import units
from dcgan.api import page_name
from dcgan.latents import interpolation
from dcgan.latents.spec import VERSION, SpecError, parse
from dcgan.media import images, video
from dcgan.media.uploads import read_square_upload
from dcgan.models import checkpoint, hub
from dcgan.models.annotations import parse_boxes
from dcgan.models.checkpoint import CheckpointError, default_weights
from dcgan.optional import explain
from dcgan.rendering import engine
from dcgan.site import static_site
from dcgan.tasks import run_to_end

MAX_GRID_IMAGES = 64
WALK_HEIGHT = 128
"""Height of a walk in pixels, or a little more."""
Weights = Annotated[
    str | None,
    typer.Option(help="A folder of checkpoints, or one checkpoint; by default weights/."),
]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    try:
        yield
    except (hub.HubError, OSError, ValueError) as error:  # bad texts and checkpoints are the last
        typer.secho(f"Error: {error}", err=True, fg="red")
        raise typer.Exit(1) from None
    except ModuleNotFoundError as error:
        typer.secho(f"Error: {explain(error)}", err=True, fg="red")
        raise typer.Exit(1) from None


@app.callback()
def main() -> None:
    """Draw a DCGAN's pictures from their texts, and publish its weights."""


@app.command()
@_in_one_sentence()
def render(
    text: Annotated[str, typer.Argument(help="Of the picture, as v1:faces@0123abcd:z(1,0).")],
    out: Annotated[Path, typer.Argument(help="The PNG to write.")],
    weights: Weights = None,
    scale: Annotated[int, typer.Option(min=1, max=64, help="Enlarge every pixel.")] = 1,
) -> None:
    """Draw the picture of a text; the file carries the text in its metadata."""
    spec = parse(text)
    [picture] = _engine(weights, spec.model).render([spec])
    out.write_bytes(images.encode_png(images.enlarge(picture, scale), str(spec)))


@app.command()
@_in_one_sentence()
def sample(
    source: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A folder or user/repo.")],
    count: Annotated[int, typer.Option(min=1, max=1_000_000)] = MAX_GRID_IMAGES,
    seed: Annotated[int, typer.Option(help="Pictures are its draws from 0 on.")] = 0,
    out: Annotated[Path, typer.Option(help="uint8 (count, H, W, 3).")] = Path("samples.npy"),
    grid: Annotated[
        Path | None, typer.Option(help=f"Also a PNG of the first {MAX_GRID_IMAGES}.")
    ] = None,
) -> None:
    """Draw many pictures into one array, a batch at a time."""
    model = engine.Model("sample", checkpoint.load(source))
    size = model.config.image_size
    partial = out.parent / f".{out.name}.partial"
    try:
        pictures = np.lib.format.open_memmap(partial, "w+", np.uint8, (count, size, size, 3))
        batches = range(0, count, engine.BATCH_SIZE)
        with typer.progressbar(batches, file=sys.stderr, hidden=not sys.stderr.isatty()) as starts:
            for start in starts:
                specs = [model.sample(seed, i) for i in range(start, count)[: engine.BATCH_SIZE]]
                pictures[start : start + len(specs)] = model.render(specs)
        pictures.flush()
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    if grid is not None:
        grid.write_bytes(
            images.encode_png(
                images.make_grid(pictures[:MAX_GRID_IMAGES], model.config.classes or None)
            )
        )


@app.command()
@_in_one_sentence()
def walk(
    source: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A folder or user/repo.")],
    out: Annotated[Path, typer.Option(help=".mp4, .gif, .webp or .png.")] = Path("walk.webp"),
    seed: Annotated[int, typer.Option(help="Keyframes are its draws.")] = 0,
    keyframes: Annotated[
        int,
        typer.Option("--keyframes", "--stations", min=2, max=9, help="Keyframes of each walk."),
    ] = 5,
    count: Annotated[int, typer.Option(min=1, max=16, help="Walks side by side.")] = 1,
    through: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="One walk through these instead.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=60)] = 10.0,
    straight: Annotated[bool, typer.Option("--straight", help="Not on the sphere.")] = False,
    size: Annotated[
        int | None, typer.Option(help="Height in pixels; what gives square ones, by default.")
    ] = None,
    scaling: Annotated[str, typer.Option(help=" | ".join(video.SCALINGS))] = "nearest",
) -> None:
    """Closed walks through the latent space as a film (figure 4), each in one class.

    A .png has its frames side by side. The texts of all pictures are in the file's metadata.
    """
    weights = checkpoint.load(source)
    model = engine.Model(page_name(weights.folder.absolute()), weights)
    draws = [
        [model.sample(seed, row * keyframes + i, turn=row) for i in range(keyframes)]
        for row in range(count)
    ]
    paths = [[parse(text) for text in through]] if through else draws
    side = model.config.image_size
    film = video.VideoOptions(
        out.suffix.removeprefix("."), seconds, size or side * math.ceil(WALK_HEIGHT / side), scaling
    )
    rows = [interpolation.walk_frames(path, seconds, True, not straight) for path in paths]
    drawn = zip(*map(model.render, rows), strict=True)
    frames = np.stack([images.make_grid(np.stack(pictures), len(rows)) for pictures in drawn])
    texts = [str(spec) for specs in zip(*rows, strict=True) for spec in specs]
    out.write_bytes(run_to_end(video.encode_video(frames, texts, film)))


@app.command("units")
@_in_one_sentence()
def fit_units(
    source: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A folder or user/repo.")],
    boxes: Annotated[Path, typer.Argument(help="A set of boxes, as the page saves it.")],
) -> None:
    """The feature maps that speak for what is in boxes, the first to drop first, as JSON."""
    drawn = parse_boxes(boxes.read_bytes())
    model = engine.Model(drawn.model, checkpoint.load(source))
    typer.echo(json.dumps(units.fit_units(model, drawn).table()))


@app.command("exciting", hidden=True)  # its name before version 0.1
@app.command("top-activations")
@_in_one_sentence()
def find_top_activations(
    source: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A folder or user/repo.")],
    out: Annotated[Path, typer.Argument(help="A PNG with a row for each map.")],
    layer: Annotated[int, typer.Option(min=1, help="From z, or from the picture for D.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="The map of the first row.")] = 0,
    count: Annotated[int, typer.Option(min=1, max=MAX_GRID_IMAGES, help="Rows.")] = 8,
    of_discriminator: Annotated[bool, typer.Option("--discriminator")] = False,
) -> None:
    """Find the draws that activate feature maps most, strongest first; print where, as JSON."""
    model = engine.Model("exciting", checkpoint.load(source))
    network = units.DISCRIMINATOR if of_discriminator else units.GENERATOR
    found = run_to_end(units.top_activations(model, layer, network))
    rows = slice(first, first + count)
    if first >= len(found.draws):
        raise SpecError(f"layer {layer} has maps 0 to {len(found.draws) - 1}, not {first}")
    draws = found.draws[rows]
    pictures = model.render(
        [model.sample(units.TOP_SAMPLES_SEED, int(index)) for index in draws.flat]
    )
    out.write_bytes(images.encode_png(images.make_grid(pictures, units.TOP_SAMPLES_PER_UNIT)))
    table = {"seed": units.TOP_SAMPLES_SEED, "first": first, "draws": draws.tolist()}
    typer.echo(json.dumps({**table, "cells": found.cells[rows].tolist()}))


@app.command()
@_in_one_sentence()
def look(
    picture: Annotated[str, typer.Argument(help="Its text, or a file of yours.")],
    out: Annotated[Path, typer.Argument(help="A PNG: the picture, then guided gradients.")],
    weights: Weights = None,
    model: Annotated[str, typer.Option(help="Whose D looks at a file.")] = "faces",
    feature: Annotated[int, typer.Option(min=0, help="Of D's last convolution.")] = 0,
) -> None:
    """What D makes of a picture (figure 5): its score, and what features look at, as JSON.

    The gradients are those of the feature, of the same with random weights, and of the features
    that stand out. Where the checkpoint has a probe (table 1), also what this calls the picture.
    """
    from dcgan.analysis import probe, saliency

    spec = parse(picture) if picture.startswith(f"{VERSION}:") else None
    name = model if spec is None else spec.model
    looking = _engine(weights, name).model(name)
    saliency.check_feature(looking, feature, labelled=spec is not None)
    opened = probe.load_probe(looking.checkpoint)
    if spec is None:
        config, label = looking.config, None
        seen, _ = read_square_upload(Path(picture).read_bytes(), config.image_size, config.channels)
    else:
        [seen], label = looking.render([spec]), spec.label
    found = run_to_end(saliency.survey(looking)).attribute(seen, feature, label)
    parts = [found.trained, found.random, *found.strongest]
    row = np.stack([seen, *(part.gradient for part in parts)])
    out.write_bytes(images.encode_png(images.make_grid(row, len(row))))
    said = [{"feature": part.feature, "response": part.response} for part in parts]
    names = {"trained": said[0], "random": said[1], "strongest": said[2:]}
    named = opened and probe.answer_json(*opened, seen)
    typer.echo(json.dumps({"logit": found.logit, "usual": found.usual, **names, "probe": named}))


@app.command()
@_in_one_sentence()
def features(
    source: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A folder or user/repo.")],
    out: Annotated[Path, typer.Argument(help="A PNG, the network beside random weights.")],
    first: Annotated[int, typer.Option(min=0, help="Of the features.")] = 0,
) -> None:
    """What six features of D respond to most, above its guided gradients (figure 5)."""
    from dcgan.analysis import saliency

    model = engine.Model("features", checkpoint.load(source))
    saliency.check_feature(model, first)
    survey = run_to_end(saliency.survey(model))
    sheets = [
        images.make_grid(
            survey.top_samples(network, survey.feature_range(first)).pairs, saliency.FEATURES_SHOWN
        )
        for network in (survey.trained, survey.random)
    ]
    out.write_bytes(images.encode_png(np.concatenate(sheets, axis=1)))


@app.command("project", hidden=True)  # its name before version 0.1
@app.command("invert")
@_in_one_sentence()
def invert_photograph(
    source: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A folder or user/repo.")],
    photograph: Annotated[Path, typer.Argument(help="A file of yours.")],
    out: Annotated[Path, typer.Argument(help="A PNG of what comes nearest, with its text.")],
    middle: Annotated[
        bool, typer.Option("--middle", help="Take the middle square, seek no face.")
    ] = False,
    scale: Annotated[int, typer.Option(min=1, max=64, help="Enlarge every pixel.")] = 1,
) -> None:
    """Invert a photograph: the nearest picture that G can draw, its text and distance as JSON."""
    import torch

    from dcgan.analysis import inversion

    torch.set_num_threads(inversion.TORCH_THREADS)
    weights = checkpoint.load(source)
    model = engine.Model(page_name(weights.folder.absolute()), weights)
    picture, notes = inversion.crop_upload(model, photograph.read_bytes(), middle)
    _warn_of_damage(model, checkpoint.ENCODER)
    found = run_to_end(inversion.invert(model, picture))
    large = images.enlarge(found.picture, scale)
    out.write_bytes(images.encode_png(large, str(found.spec)))
    said = {"spec": str(found.spec), "distance": asdict(found.distance), "notes": notes}
    typer.echo(json.dumps(said))


@app.command()
@_in_one_sentence()
def push(
    source: Annotated[str | None, typer.Argument(metavar="CHECKPOINT")] = None,
    repo: Annotated[str | None, typer.Argument(metavar="USER/REPO")] = None,
    space: Annotated[
        str | None, typer.Option(metavar="USER/REPO", help="Publish the page and all weights.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="For your eyes only.")] = False,
    message: Annotated[str | None, typer.Option(help="Of the commit.")] = None,
) -> None:
    """Publish a checkpoint on the Hub; or, with --space, the whole page."""
    if space is not None and source is None:
        address = hub.push_space(space, private, message)
    elif space is None and source is not None and repo is not None:
        address = hub.push_checkpoint(source, repo, private, message)
    else:
        raise typer.BadParameter("give CHECKPOINT USER/REPO, or --space USER/REPO")
    typer.echo(address)


@app.command()
@_in_one_sentence()
def page(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Checkpoint folders, folders of checkpoints, or user/repo; by default weights/."
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; by default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; by default 7860.")
    ] = None,
) -> None:
    """Open the page over any checkpoints, until Ctrl-C."""
    from dcgan.ui import launch
    from dcgan.ui.page import build

    opened = launch.open_checkpoints(sources or ())
    launch.launch(build(opened), opened, host, port)


@app.command("site")
@_in_one_sentence()
def write_site(
    out: Annotated[Path, typer.Argument(help="A new folder, or a site to bring up to date.")],
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only these models, the first first.")
    ] = None,
    stages: Annotated[bool, typer.Option(help="With the stages along the training runs.")] = True,
    space: Annotated[
        bool, typer.Option("--space", help="With the card of a static Space.")
    ] = False,
    weights: Weights = None,
) -> None:
    """Write the page as files for any web server: each visitor's browser draws for itself."""
    sources = static_site.choose_models(_discover_checkpoints(weights), model, stages)
    sizes: dict[str, int] = {}
    opened = engine.Engine(sources)
    for known in opened.models.values():
        _warn_of_damage(known)
    for part, count in static_site.write_site(opened, out, space=space):
        sizes[part] = sizes.get(part, 0) + count
    for part, count in {**sizes, "all": sum(sizes.values())}.items():
        typer.echo(f"{part:16} {count / 1e6:6.1f} MB")


def _engine(weights: str | None, model: str) -> engine.Engine:
    """Return an engine of a folder's checkpoints, or of a single one under the spec's name."""
    folder = default_weights() if weights is None else Path(weights)
    if not folder.is_dir() or (folder / checkpoint.CONFIG).is_file():
        return engine.Engine({model: weights or folder})
    return engine.Engine(_discover_checkpoints(weights))


def _warn_of_damage(model: engine.Model, pattern: str = "*") -> None:
    """Say on stderr which side files of these names the following goes without."""
    for name, error in model.checkpoint.readable.damaged.items():
        if fnmatch(name, pattern):
            typer.secho(f"{model.name} works without this file: {error}", err=True, fg="yellow")


def _discover_checkpoints(weights: str | None) -> dict[str, Path]:
    folder = default_weights() if weights is None else Path(weights)
    sources = engine.discover_checkpoints(folder)
    if not sources:
        raise CheckpointError(f"{folder} holds no checkpoints: give another folder as --weights")
    return sources
