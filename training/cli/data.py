"""`python -m training prepare` and `dedup`: preparation of training data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from training.cli.errors import one_sentence_errors
from training.data.dedup import MIN_CORRELATION, deduplicate
from training.data.prepare.centres import crop_centre
from training.data.prepare.faces import FaceCropper
from training.data.prepare.shards import Cut, write_shards

app = typer.Typer()
prepare = typer.Typer(no_args_is_help=True)
app.add_typer(prepare, name="prepare", help="Prepare training data as parquet shards.")


@prepare.callback()
def _preparing() -> None:
    """Prepare training data as parquet shards."""


Source = Annotated[
    str,
    typer.Argument(help="Folder of images or parquet, LSUN's LMDB, or Hub data set (streamed)."),
]
Shards = Annotated[Path, typer.Argument(help="Folder for the shards; a stopped run is resumed.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Maximum number of images.")]
Processes = Annotated[int, typer.Option(help="Number of parallel processes; -1: one per core.")]


def _centres(default: int) -> Callable[..., None]:
    """Return a command that writes centre crops. default: its default size."""

    def command(
        source: Source,
        out: Shards,
        size: Annotated[int, typer.Option(min=8, help="Side of the images in pixels.")] = default,
        limit: Limit = None,
        processes: Processes = -1,
    ) -> None:
        cut = partial(crop_centre, size=size)
        _prepare(source, out, cut, {"centre": size}, limit=limit, processes=processes)

    return one_sentence_errors()(command)


for _set, _size, _what in (
    ("lsun", 64, "Prepare centre crops of LSUN's bedrooms, from its LMDB or exported files."),
    ("imagenet", 32, "Prepare centre crops of ImageNet, from folders or the Hub."),
    ("folder", 64, "Prepare centre crops of any images."),
):
    prepare.command(_set, help=_what)(_centres(_size))


@prepare.command("faces")
@one_sentence_errors()
def prepare_faces(
    source: Source,
    out: Shards,
    *,
    size: Annotated[int, typer.Option(min=8, help="Side of the images in pixels.")] = 64,
    smallest: Annotated[
        int | None, typer.Option(min=20, help="Smallest side of a face in pixels; default: --size.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0, help="Margin around a face, as a share of its side.")
    ] = 0.1,
    aligned: Annotated[
        bool,
        typer.Option("--aligned", help="Alignment by the eyes; faces without eyes are left out."),
    ] = False,
    largest: Annotated[
        bool, typer.Option("--largest", help="Only the largest face of each photograph.")
    ] = False,
    limit: Limit = None,
    processes: Processes = -1,
) -> None:
    """Crop the faces of photographs, as detected by OpenCV's cascades."""
    cut = FaceCropper(size, smallest or size, margin, aligned, largest)
    _prepare(source, out, cut, asdict(cut), limit=limit, processes=processes)


def _prepare(source: str, out: Path, cut: Cut, settings: dict[str, Any], **options: Any) -> None:
    """Write shards and print the number of images by outcome, as JSON, at the end."""
    done = write_shards(source, out, cut, settings, say=typer.echo, **options)
    typer.echo(json.dumps(asdict(done)))


@app.command("dedup")
@one_sentence_errors()
def remove_duplicates(
    source: Source,
    out: Shards,
    *,
    alike: Annotated[
        float, typer.Option(min=0, max=1, help="Smallest correlation of duplicates' 32x32 pixels.")
    ] = MIN_CORRELATION,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Mirror images count as duplicates.")
    ] = False,
    processes: Processes = -1,
) -> None:
    """Write shards without near-duplicates (section 4.1.1), with one image per group."""
    done = deduplicate(source, out, alike, mirrored, processes=processes, say=typer.echo)
    typer.echo(json.dumps(asdict(done)))
