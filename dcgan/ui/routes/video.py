"""Route of the video export: a sequence of images (figures 4, 6, 7, 8) as a video file.

POST /dcgan/film    {"specs": [TEXT, ...], "seconds": S, "format": F, "size": N, "scaling": H}

Streams its progress, see serving/streaming.py.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dcgan.latents import interpolation
from dcgan.latents.spec import MAX_TEXT
from dcgan.media import video
from dcgan.media.video import VideoError, VideoOptions
from dcgan.rendering.engine import (
    BATCH_SIZE,
    Engine,
    RenderInputs,
    image_size,
    render_resolved,
)
from dcgan.tasks import Work, map_in_batches, sub_task
from dcgan.ui.serving import streaming
from dcgan.ui.serving.http import (
    RequestError,
    data_uri,
    error_responses,
    error_sentence,
    read_body,
    read_inputs,
    read_json,
    read_spec,
)

FIELDS = ("specs", "seconds", "format", "size", "scaling")
MAX_KEYFRAMES = 9
MAX_SECONDS = 20
MAX_FRAMES = MAX_SECONDS * interpolation.FRAMES_PER_SECOND
MAX_BODY = MAX_FRAMES * (MAX_TEXT + 4)
MAX_MEGAPIXELS = {"mp4": 160, "webp": 160, "gif": 40, "png": 16}
"""Limit of pixels of all frames in millions, by format.

It corresponds to half a minute on one processor, or to a file of some 15 MB.
"""


def routes(engine: Engine) -> list[BaseRoute]:
    """Return the routes for `launch(app_kwargs={"routes": ...})`."""

    async def moving(request: Request) -> Response:
        body = await read_body(request, MAX_BODY)
        asked = read_json(body, '{"specs": [...], "seconds": 4, "format": "mp4"}')
        return await streaming.stream_answer(
            make_video(engine, **{name: asked.get(name) for name in FIELDS})
        )

    return [Route("/dcgan/film", error_responses(moving), methods=["POST"])]


def make_video(
    engine: Engine, specs: object, seconds: object, format: object, size: object, scaling: object
) -> Work[dict[str, Any]]:
    """Encode images as a video; the result is {FORMAT: data URI, "specs": texts of the frames}."""
    if not isinstance(specs, list) or not 2 <= len(specs) <= MAX_FRAMES:
        raise RequestError(f'"specs" must be a list of 2 to {MAX_FRAMES} picture texts.')
    wanted = _read_film(seconds, format, size, scaling)
    return (yield from _make_video([read_inputs(text, engine) for text in specs], wanted))


def make_walk_video(
    engine: Engine,
    keyframes: object,
    seconds: object,
    closed: object,
    spherical: object,
    format: object,
    size: object,
    scaling: object,
) -> Work[dict[str, Any]]:
    """Encode a walk with `interpolation.FRAMES_PER_SECOND`; the result is as of `make_video`."""
    if not isinstance(keyframes, list) or not 2 <= len(keyframes) <= MAX_KEYFRAMES:
        raise RequestError(f'"stations" must be a list of 2 to {MAX_KEYFRAMES} picture texts.')
    if not isinstance(closed, bool) or not isinstance(spherical, bool):
        raise RequestError('"closed" and "spherical" must be true or false.')
    wanted = _read_film(seconds, format, size, scaling)
    ends = [read_spec(text, engine) for text in keyframes]
    specs = interpolation.walk_frames(ends, wanted.seconds, closed, spherical)
    return (yield from _make_video([engine.resolve(spec) for spec in specs], wanted))


def _read_film(seconds: Any, format: Any, size: Any, scaling: Any) -> VideoOptions:
    if not isinstance(seconds, int | float) or not 0.1 <= seconds <= MAX_SECONDS:
        raise RequestError(
            f"A film takes 0.1 to {MAX_SECONDS} seconds, not {reprlib.repr(seconds)}."
        )
    with _request_errors():
        return VideoOptions(format, seconds, size, scaling)


@contextmanager
def _request_errors() -> Iterator[None]:
    try:
        yield
    except VideoError as error:
        raise RequestError(error_sentence(error)) from None


def _make_video(inputs: Sequence[RenderInputs], wanted: VideoOptions) -> Work[dict[str, Any]]:
    image_size(inputs)
    with _request_errors():
        wanted.check(len(inputs))
    pixels = len(inputs) * wanted.size**2 / 1e6
    if pixels > MAX_MEGAPIXELS[wanted.format]:
        raise RequestError(
            f"{len(inputs)} frames of {wanted.size} x {wanted.size} are {pixels:.0f} million "
            f"pixels, and a {wanted.format} has at most {MAX_MEGAPIXELS[wanted.format]} here: "
            "choose a smaller size, or fewer frames."
        )
    texts = [str(one.spec) for one in inputs]
    render = map_in_batches(render_resolved, inputs, BATCH_SIZE)
    pictures = yield from sub_task(0, 0.3, render)
    frames = np.concatenate(pictures)
    content = yield from sub_task(0.3, 1, video.encode_video(frames, texts, wanted))
    return {wanted.format: data_uri(content, wanted.format), "specs": texts}
