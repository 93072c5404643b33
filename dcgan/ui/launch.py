"""Launching the page: `python -m dcgan page` for any checkpoints, app.py for the shipped ones."""

from __future__ import annotations

import functools
import os
import socket
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import gradio as gr

from dcgan.api import page_name
from dcgan.models import checkpoint
from dcgan.rendering.engine import Engine, discover_checkpoints, discover_incomplete
from dcgan.ui.page import launch_options, warm

PORT = 7860


def find_checkpoints(
    sources: Iterable[str], say: Callable[[str], None] = lambda _: None
) -> dict[str, Path]:
    """Find checkpoint folders, by the name used in specs; a model comes before its stages.

    sources: checkpoint folders, folders of checkpoints, or Hub repositories as user/repo; without
    any, weights/ of the current folder, or else of the clone. A checkpoint comes with the stages
    that lie in it. say: is told, in one sentence each, of folders that have lost a part of a
    checkpoint. Raises CheckpointError for a source without a checkpoint.
    """
    found: dict[str, Path] = {}
    for source in [*sources] or [str(checkpoint.default_weights())]:
        for folder, file in discover_incomplete(Path(source).absolute()).items():
            say(
                f"{folder} is left out: it has a {file}, but no {checkpoint.CONFIG} to make it a "
                f"checkpoint: {checkpoint.COPY_AGAIN}"
            )
        for folder in _models(source):
            if folder.resolve() in [known.resolve() for known in found.values()]:
                continue
            name = _free(page_name(folder).replace("/", "-"), found)
            found[name] = folder
            for stage in discover_checkpoints(folder).values():
                if stage.parent == folder:
                    found[f"{name}/{page_name(stage).rpartition('/')[2]}"] = stage
    return found


def open_checkpoints(sources: Iterable[str]) -> Engine:
    """Return an engine of the checkpoints found; report those that can't be opened on stderr."""
    say = functools.partial(print, file=sys.stderr)
    return Engine.of_readable(find_checkpoints(sources, say), say)


def launch(
    page: gr.Blocks, engine: Engine, host: str | None = None, port: int | None = None
) -> None:
    """Serve a page made by `build(engine)` until it is stopped.

    host, port: default to the environment variables HOST and PORT (or GRADIO_SERVER_PORT, as in a
    Space), and else to port 7860, on all interfaces in a Space and on 127.0.0.1 elsewhere. Raises
    OSError if the port is in use.
    """
    host = host or os.environ.get("HOST", "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1")
    port = port or int(os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT") or PORT)
    _check_free(host, port)
    warm(engine)
    page.launch(server_name=host, server_port=port, **launch_options(engine))


def _models(source: str) -> Iterator[Path]:
    """Yield the folder if it is a checkpoint, otherwise the checkpoints in it, without stages."""
    folder = Path(source).absolute()
    inside = discover_checkpoints(folder).values()
    if (folder / checkpoint.CONFIG).is_file():
        yield folder
    elif not inside:
        yield checkpoint.load(source).folder.absolute()
    else:
        yield from (path for path in inside if path.parent not in inside)


def _free(name: str, taken: Collection[str]) -> str:
    """Return the name, with a number appended if it is taken."""
    names = (name, *(f"{name[:60]}-{number}" for number in range(2, len(taken) + 2)))
    return next(name for name in names if name not in taken)


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(
                f"the page can't listen on {host}:{port} ({error.strerror}): give another --port"
            ) from None
