"""`python -m training prepare` and `dedup`: what is trained on, of what there is."""

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
app.add_typer(prepare, name="prepare", help="Make shards to train on of other pictures.")


@prepare.callback()
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
        cut = partial(crop_centre, size=size)
        _prepare(source, out, cut, {"centre": size}, limit=limit, processes=processes)

    return one_sentence_errors()(command)


for _set, _size, _what in (
    ("lsun", 64, "LSUN's bedrooms: its database, or what it was exported to."),
    ("imagenet", 32, "ImageNet, in folders or from the Hub: scaled to 32 pixels, the centre."),
    ("folder", 64, "Any pictures: scaled until the shorter side fits, the centre."),
):
    prepare.command(_set, help=_what)(_centres(_size))


@prepare.command("faces")
@one_sentence_errors()
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
    cut = FaceCropper(size, smallest or size, margin, aligned, largest)
    _prepare(source, out, cut, asdict(cut), limit=limit, processes=processes)


def _prepare(source: str, out: Path, cut: Cut, settings: dict[str, Any], **options: Any) -> None:
    """What was kept and what was left out comes last, as JSON."""
    done = write_shards(source, out, cut, settings, say=typer.echo, **options)
    typer.echo(json.dumps(asdict(done)))


@app.command("dedup")
@one_sentence_errors()
def remove_duplicates(
    source: Source,
    out: Shards,
    *,
    alike: Annotated[
        float, typer.Option(min=0, max=1, help="Correlation of duplicates' 32x32 pixels.")
    ] = MIN_CORRELATION,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Mirror images are duplicates, too.")
    ] = False,
    processes: Processes = -1,
) -> None:
    """Leave out near-duplicates (section 4.1.1): one of each group goes into the shards."""
    done = deduplicate(source, out, alike, mirrored, processes=processes, say=typer.echo)
    typer.echo(json.dumps(asdict(done)))
