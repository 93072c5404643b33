"""Route of the shelf: its images as a zip.

POST /dcgan/shelf    {"specs": [TEXT, ...]}

Streams its progress, see serving/streaming.py.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dcgan.rendering.engine import Engine
from dcgan.site import archive
from dcgan.tasks import Work
from dcgan.ui.serving import streaming
from dcgan.ui.serving.http import (
    RequestError,
    data_uri,
    error_responses,
    read_body,
    read_json,
    read_spec,
)

MAX_IMAGES = 99


def routes(engine: Engine) -> list[BaseRoute]:
    """Return the routes for `launch(app_kwargs={"routes": ...})`."""

    async def packed(request: Request) -> Response:
        asked = read_json(await read_body(request), '{"specs": [...]}')
        return await streaming.stream_answer(pack(engine, asked.get("specs")))

    return [Route("/dcgan/shelf", error_responses(packed), methods=["POST"])]


def pack(engine: Engine, specs: object) -> Work[dict[str, Any]]:
    """Render the specs and return {"zip": data URI}, see `archive.pack_shelf`."""
    if not isinstance(specs, list) or not 1 <= len(specs) <= MAX_IMAGES:
        raise RequestError(f'"specs" must be a list of 1 to {MAX_IMAGES} picture texts.')
    content = yield from archive.pack_shelf(engine, [read_spec(text, engine) for text in specs])
    return {"zip": data_uri(content, "zip")}
