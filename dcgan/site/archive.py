"""Zip archive of a shelf: its images, their specs, and a script that renders them (redraw.py)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dcgan.latents.spec import PictureSpec
from dcgan.media import images
from dcgan.rendering.engine import Engine
from dcgan.tasks import Work, map_in_batches

SCRIPT = Path(__file__).with_name("redraw.py")
SHELF_FILE = "shelf.json"
BATCH_SIZE = 8
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Timestamp of all files, so that the same shelf gives the same zip."""


def pack_shelf(engine: Engine, specs: Sequence[PictureSpec]) -> Work[bytes]:
    """Render the specs and return a zip of 01.png, 02.png, ..., SHELF_FILE and SCRIPT.

    The images may be of different models and sizes. Raises SpecError.
    """

    def draw(few: Sequence[PictureSpec]) -> list[bytes]:
        return [images.encode_png(engine.render([spec])[0], str(spec)) for spec in few]

    drawn = yield from map_in_batches(draw, specs, BATCH_SIZE)
    pngs = [png for few in drawn for png in few]
    names = [f"{number:02}.png" for number in range(1, 1 + len(pngs))]
    listed = [{"file": name, "spec": str(spec)} for name, spec in zip(names, specs, strict=True)]
    shelf = json.dumps({"version": 1, "pictures": listed}, indent=2) + "\n"
    files = dict(zip(names, pngs, strict=True))
    return _zip({**files, SHELF_FILE: shelf.encode(), SCRIPT.name: SCRIPT.read_bytes()})


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, content)
    return buffer.getvalue()
