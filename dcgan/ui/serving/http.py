"""Routes for rendering images by their spec, and helpers shared by all routes.

    GET  /dcgan/models                 the models
    GET  /dcgan/picture?spec=TEXT      one image, as PNG with its spec in the metadata
    GET  /dcgan/pixels?spec=TEXT       one image as H * W * 4 bytes of RGBA, with |z| in a header
    POST /dcgan/sheet                  {"specs": [TEXT, ...], "columns": N}: a grid, as JPEG
    GET  /dcgan/web/...                the page's modules

These routes bypass Gradio's queue and keep neither files nor state. All fields are validated here;
an error is a sentence in {"error": ...} with status 400 (invalid request), 404 (unknown model), 413
(too large), 422 (no face) or 501 (package not installed). Images and sheets are rendered by
micro_batching.py; if its queue is full, the status is 429 with Retry-After in seconds.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from dcgan.latents.spec import MAX_TEXT, PictureSpec, SpecError, parse
from dcgan.media import images
from dcgan.media.uploads import READABLE_FORMATS, BusyError, NoFaceError, TooLargeError, UploadError
from dcgan.models.annotations import BoxesError
from dcgan.models.checkpoint import CheckpointError
from dcgan.optional import explain
from dcgan.paths import WEB
from dcgan.rendering.engine import Engine, Model, RenderInputs, image_size
from dcgan.site.manifest import describe_models
from dcgan.ui.serving.micro_batching import MicroBatcher, QueueFullError

MAX_SHEET_IMAGES = 128
MAX_BODY = MAX_SHEET_IMAGES * (MAX_TEXT + 4)
CACHE_FOREVER = (
    "public, max-age=31536000, immutable"  # a spec names its weights, so its image never changes
)
RETRY_AFTER = "1"
_STATUS = {TooLargeError: 413, NoFaceError: 422}
MEDIA_TYPES = {"mp4": "video/mp4", "zip": "application/zip"}

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class RequestError(ValueError):
    """An invalid request; the message is a sentence for the client. status: HTTP status."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def routes(engine: Engine) -> list[BaseRoute]:
    """Return the routes for `launch(app_kwargs={"routes": ...})`, which precede Gradio's."""
    batcher = MicroBatcher()

    async def models(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(describe_models, engine))

    async def picture(request: Request) -> Response:
        inputs = read_inputs(request.query_params.get("spec"), engine)
        drawn = await unless_disconnected(request, batcher.render_one(inputs))
        content = await run_in_threadpool(images.encode_png, drawn, str(inputs.spec))
        headers = {"Cache-Control": CACHE_FOREVER}
        return Response(content, media_type="image/png", headers=headers)

    async def pixels(request: Request) -> Response:
        inputs = read_inputs(request.query_params.get("spec"), engine)
        drawn = await unless_disconnected(request, batcher.render_one(inputs))
        opaque = np.full((*drawn.shape[:2], 4), 255, np.uint8)
        opaque[..., :3] = drawn
        headers = {"Cache-Control": CACHE_FOREVER, "X-Z-Norm": f"{inputs.norm:.4f}"}
        return Response(opaque.tobytes(), media_type="application/octet-stream", headers=headers)

    async def sheet(request: Request) -> Response:
        inputs, columns = read_sheet(await read_body(request), engine)
        pictures = await unless_disconnected(request, batcher.render_sheet(inputs))
        content, mean, largest = await run_in_threadpool(render_sheet, pictures, columns)
        headers = {"X-Step-Mean": f"{mean:.3f}", "X-Step-Max": f"{largest:.3f}"}
        return Response(content, media_type="image/jpeg", headers=headers)

    return [
        Route("/dcgan/models", error_responses(models)),
        Route("/dcgan/picture", error_responses(picture)),
        Route("/dcgan/pixels", error_responses(pixels)),
        Route("/dcgan/sheet", error_responses(sheet), methods=["POST"]),
        Mount("/dcgan/web", StaticFiles(directory=WEB)),
    ]


def render_sheet(pictures: Sequence[np.ndarray], columns: int) -> tuple[bytes, float, float]:
    """Return images as a JPEG grid, with their `step_sizes`."""
    stack = np.stack(pictures)
    return images.encode_jpeg(images.make_grid(stack, columns)), *step_sizes(stack)


def data_uri(content: bytes, kind: str) -> str:
    """Encode a file as a data URI. kind: its extension, an image's unless in MEDIA_TYPES."""
    return (
        f"data:{MEDIA_TYPES.get(kind, f'image/{kind}')};base64,"
        + base64.b64encode(content).decode()
    )


def step_sizes(pictures: np.ndarray) -> tuple[float, float]:
    """Return mean and maximum of the differences between neighbours.

    Differences are root mean squares in grey levels of 255.
    """
    if len(pictures) < 2:
        return 0.0, 0.0
    sizes = images.frame_differences(pictures)
    return float(sizes.mean()), float(sizes.max())


def error_responses(handler: Handler) -> Handler:
    """Map exceptions to HTTP errors."""

    async def answer(request: Request) -> Response:
        try:
            with checkpoint_errors():
                return await handler(request)
        except RequestError as error:
            return JSONResponse({"error": str(error)}, error.status)
        except (SpecError, BoxesError) as error:
            return JSONResponse({"error": error_sentence(error)}, 400)
        except ModuleNotFoundError as error:
            return JSONResponse({"error": error_sentence(explain(error))}, 501)
        except QueueFullError as error:
            return JSONResponse({"error": str(error)}, 429, {"Retry-After": RETRY_AFTER})
        except ClientDisconnect:
            return Response(status_code=400)

    return answer


async def unless_disconnected(request: Request, drawing: asyncio.Future[T]) -> T:
    """Await a rendering. If the client disconnects, cancel it and raise ClientDisconnect."""
    watching = asyncio.ensure_future(_disconnected(request))
    watching.add_done_callback(lambda _: drawing.cancel())
    try:
        return await drawing
    except asyncio.CancelledError:
        if watching.done():
            raise ClientDisconnect from None
        raise
    finally:
        watching.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def read_spec(text: object, engine: Engine) -> PictureSpec:
    """Parse and check the spec of an image. Raises RequestError or SpecError."""
    spec, model = _parse_spec(text, engine)
    model.check(spec)
    return spec


def read_inputs(text: object, engine: Engine) -> RenderInputs:
    """Parse, check and evaluate a spec for rendering. Raises RequestError or SpecError."""
    spec, model = _parse_spec(text, engine)
    return model.resolve(spec)


def _parse_spec(text: object, engine: Engine) -> tuple[PictureSpec, Model]:
    if not isinstance(text, str):
        raise RequestError("Give the picture's text as spec, for example v1:faces@...:z(1,0).")
    try:
        spec = parse(text)
    except SpecError as error:
        raise RequestError(f"This is not the text of a picture: {error}.") from None
    try:
        model = engine.model(spec.model)
    except SpecError as error:
        raise RequestError(error_sentence(error), 404) from None
    return spec, model


def read_sheet(body: bytes, engine: Engine) -> tuple[list[RenderInputs], int]:
    """Parse the body of a sheet request; return its inputs and columns. Raises RequestError."""
    asked = read_json(body, '{"specs": [...], "columns": 8}')
    return check_sheet(asked.get("specs"), asked.get("columns", 8), engine)


def read_json(body: bytes, example: str) -> dict[str, Any]:
    """Parse a JSON object; any other JSON value counts as an empty object. Raises RequestError."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(f"The body must be JSON: {example}.") from None
    return asked if isinstance(asked, dict) else {}


def check_sheet(texts: object, columns: object, engine: Engine) -> tuple[list[RenderInputs], int]:
    """Validate the specs and columns of a sheet. Raises RequestError or SpecError."""
    if not isinstance(texts, list):
        raise RequestError('"specs" must be a list of picture texts.')
    if not 1 <= len(texts) <= MAX_SHEET_IMAGES:
        raise RequestError(f"A sheet holds 1 to {MAX_SHEET_IMAGES} pictures, not {len(texts)}.")
    if type(columns) is not int or not 1 <= columns <= MAX_SHEET_IMAGES:
        raise RequestError(f'"columns" must be a whole number from 1 to {MAX_SHEET_IMAGES}.')
    inputs = [read_inputs(text, engine) for text in texts]
    image_size(inputs)
    return inputs, min(columns, len(texts))


def read_int(request: Request, name: str, otherwise: str = "") -> int:
    """Read a query parameter that is an integer from 0 to 99,999. Raises RequestError."""
    return check_int(request.query_params.get(name, otherwise), name)


def check_int(value: object, name: str) -> int:
    """Return a value as an integer from 0 to 99,999. Raises RequestError."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise RequestError(f"Give {name} as a whole number, not {text[:40]!r}.")
    return int(text)


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """Read the request's body. Raises RequestError (413) as soon as it exceeds the limit.

    Counts the bytes received, because Content-Length may be missing or wrong.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestError(f"This is too large: at most {limit / 2**20:.2g} MB are taken.", 413)
    return bytes(body)


@contextmanager
def upload_errors(content: bytes) -> Iterator[None]:
    """Map upload errors to RequestError and QueueFullError within this context."""
    if not content:
        raise RequestError(f"This file is empty: give a picture ({READABLE_FORMATS}).")
    try:
        yield
    except BusyError as error:
        raise QueueFullError(str(error)) from None
    except UploadError as error:
        raise RequestError(str(error), _STATUS.get(type(error), 400)) from None


@contextmanager
def checkpoint_errors(what: str = "These weights") -> Iterator[None]:
    """Map CheckpointError to RequestError with status 500 within this context."""
    try:
        yield
    except CheckpointError as error:
        raise RequestError(f"{what} can't be read here: {error.for_visitors}.", 500) from None


def error_sentence(error: ValueError | str) -> str:
    """Return an error's message as a sentence: capitalised and with a full stop."""
    text = str(error)
    return text[:1].upper() + text[1:] + "."
