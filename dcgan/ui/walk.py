"""Route of the Walk tab (figure 4): a walk as a moving picture, to be kept.

POST /dcgan/walk    {"stations": [TEXT, ...], "seconds": S, "closed": B, "spherical": B, "scale": N}

Answered in lines, see slow.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dcgan import engine as drawing
from dcgan import images, walks
from dcgan.engine import Engine
from dcgan.ui import slow
from dcgan.ui.server import RequestError, answering, data_uri, read_body, read_json, read_spec
from dcgan.work import Work, batches, part

FIELDS = ("stations", "seconds", "closed", "spherical", "scale")
STATIONS = 9
SECONDS = 20
SCALES = (1, 2, 3, 4)


def routes(engine: Engine) -> list[BaseRoute]:
    """Routes for `launch(app_kwargs={"routes": ...})`."""

    async def moving(request: Request) -> Response:
        asked = read_json(await read_body(request), '{"stations": [...], "seconds": 10}')
        return await slow.answer(walk(engine, **{name: asked.get(name) for name in FIELDS}))

    return [Route("/dcgan/walk", answering(moving), methods=["POST"])]


def walk(
    engine: Engine,
    stations: object,
    seconds: object,
    closed: object,
    spherical: object,
    scale: object,
) -> Work[dict[str, Any]]:
    """{"webp": data URI, "specs": the texts of its frames}, `walks.FRAMES_PER_SECOND` of them."""
    if not isinstance(stations, list) or not 2 <= len(stations) <= STATIONS:
        raise RequestError(f'"stations" must be a list of 2 to {STATIONS} picture texts.')
    if not isinstance(seconds, int | float) or not 0.1 <= seconds <= SECONDS:
        raise RequestError(f"A walk takes 0.1 to {SECONDS} seconds, not {seconds!r}.")
    if not isinstance(closed, bool) or not isinstance(spherical, bool):
        raise RequestError('"closed" and "spherical" must be true or false.')
    if scale not in SCALES:
        raise RequestError(f"A walk is enlarged 1 to {SCALES[-1]} times, not {scale!r}.")
    ends = [read_spec(text, engine) for text in stations]
    specs = walks.frames(ends, seconds, closed, spherical)
    pictures = yield from part(0, 0.7, batches(engine.render, specs, drawing.BATCH))
    frames = [images.enlarge(picture, scale) for picture in np.concatenate(pictures)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.webp"
        images.encode_animation(frames, path, seconds)
        content = path.read_bytes()
    return {"webp": data_uri(content, "webp"), "specs": [str(spec) for spec in specs]}
