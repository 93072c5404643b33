"""Named API endpoints for gradio_client and other programs; examples are in docs/API.md.

The endpoints call the same functions as the page's own routes, with the same validation and error
messages. Images are passed as data URIs; no file is kept. Endpoints that take seconds report their
progress and stop when the job is cancelled.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import gradio as gr
from gradio.events import api
from starlette.concurrency import run_in_threadpool

from dcgan.analysis import units
from dcgan.latents.spec import SpecError
from dcgan.media import images
from dcgan.models.annotations import BoxesError
from dcgan.optional import explain
from dcgan.rendering.engine import Engine, render_resolved
from dcgan.site.manifest import describe_models
from dcgan.tasks import Work
from dcgan.ui.routes import discriminator, forget, photo
from dcgan.ui.routes import shelf as shelving
from dcgan.ui.routes import video as filming
from dcgan.ui.serving import http, streaming
from dcgan.ui.serving.http import (
    RequestError,
    check_int,
    check_sheet,
    checkpoint_errors,
    data_uri,
    error_sentence,
    read_inputs,
    read_spec,
)
from dcgan.ui.serving.micro_batching import QueueFullError

CONCURRENCY_LIMIT = 4
Lasting: TypeAlias = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


def add_endpoints(engine: Engine) -> None:
    """Add the endpoints to the page that is being built."""

    def models() -> list[dict[str, Any]]:
        """List the models: hashes of weights, directions, exemplars, sets of boxes, layers."""
        return describe_models(engine)

    def render(text: str) -> dict[str, Any]:
        """Render an image: {"png": data URI, "spec": its canonical text, "norm": |z|}."""
        with _gradio_errors():
            inputs = read_inputs(text, engine)
            [image] = inputs.model.render_resolved([inputs])
        png = images.encode_png(image, str(inputs.spec))
        return {"png": data_uri(png, "png"), "spec": str(inputs.spec), "norm": inputs.norm}

    def sheet(texts: list[str], columns: int = 8) -> dict[str, Any]:
        """Render a grid; also return the steps between neighbours: {"jpeg", "mean", "largest"}."""
        with _gradio_errors():
            inputs, columns = check_sheet(texts, columns, engine)
            jpeg, mean, largest = http.render_sheet([*render_resolved(inputs)], columns)
        return {"jpeg": data_uri(jpeg, "jpeg"), "mean": mean, "largest": largest}

    def boxes(model: str, name: str) -> dict[str, Any]:
        """Return a set of boxes that is shipped with a model, as input of /fit."""
        with _gradio_errors():
            return json.loads(forget.shipped_boxes(engine.model(model), name).to_json())

    async def fit(boxes: dict[str, Any]) -> dict[str, Any]:
        """Fit the feature maps that respond to boxes: {"layer", "maps", "weights", ...}."""
        with _gradio_errors():
            return await _finish(forget.fit_units(engine, json.dumps(boxes)))

    async def exciting(model: str, layer: int, network: str = units.GENERATOR) -> dict[str, Any]:
        """Find the top-activating samples of each map of a layer: {"seed", "draws", "cells"}."""
        with _gradio_errors():
            number = check_int(layer, "layer")
            return await _finish(forget.top_activations(engine.model(model), number, network))

    def activation(texts: list[str], layer: int, number: int, columns: int = 8) -> dict[str, Any]:
        """Render a map's activation on each of these images: {"png": data URI, transparent}."""
        with _gradio_errors():
            inputs, columns = check_sheet(texts, columns, engine)
            layer, number = check_int(layer, "layer"), check_int(number, "number")
            png = forget.activation_overlay(inputs, columns, layer, number)
            return {"png": data_uri(png, "png")}

    async def look(text: str, feature: int = 0) -> dict[str, Any]:
        """Analyse an image with D: {"logit", "usual", "trained", "random", "strongest", ...}.

        "probe": scores of the classes of a linear probe on D's features, and the contribution of
        each of D's layers; None for models without a probe.
        """
        with _gradio_errors():
            spec, number = read_spec(text, engine), check_int(feature, "feature")
            named = await run_in_threadpool(discriminator.classify, engine, spec)
            return {**await _finish(discriminator.explain(engine, spec, number)), "probe": named}

    async def look_at(picture: str, model: str, feature: int = 0) -> dict[str, Any]:
        """Analyse a file, given as base64 or data URI, as /look does; "notes": its conversion."""
        with _gradio_errors():
            content, number = _content(picture), check_int(feature, "feature")
            looking = engine.model(model)
            named = await run_in_threadpool(discriminator.classify_file, looking, content)
            explaining = await run_in_threadpool(
                discriminator.explain_file, looking, content, number
            )
            return {**await _finish(explaining), "probe": named}

    async def features(model: str, first: int = 0) -> dict[str, Any]:
        """Find top-activating samples of six features: {"trained", "random": {"sheet", ...}}."""
        with _gradio_errors():
            number = check_int(first, "first")
            return await _finish(discriminator.feature_page(engine.model(model), number))

    for fast in (models, render, sheet, boxes, activation):
        api(
            fast, api_name=fast.__name__, concurrency_limit=CONCURRENCY_LIMIT, concurrency_id="fast"
        )
    others = (*_files(engine), _project(engine))
    for lasting in (fit, exciting, look, look_at, features, *others):
        api(
            lasting,
            api_name=lasting.__name__,
            concurrency_limit=CONCURRENCY_LIMIT,
            concurrency_id="slow",
        )


def _files(engine: Engine) -> list[Lasting]:
    """Return the endpoints that make files."""

    async def walk(
        stations: list[str],
        seconds: float = 10,
        closed: bool = True,
        spherical: bool = True,
        format: str = "webp",
        size: int = 128,
        scaling: str = "nearest",
    ) -> dict[str, Any]:
        """Encode a walk through images as a video: {its format: data URI, "specs": its frames}."""
        with _gradio_errors():
            look = format, size, scaling
            return await _finish(
                filming.make_walk_video(engine, stations, seconds, closed, spherical, *look)
            )

    async def film(
        texts: list[str],
        seconds: float = 4,
        format: str = "mp4",
        size: int = 256,
        scaling: str = "nearest",
    ) -> dict[str, Any]:
        """Encode images as the frames of a video (mp4, gif, webp) or as a strip (png).

        The answer is like that of /walk. size: height in pixels; scaling: nearest, bicubic or
        lanczos.
        """
        with _gradio_errors():
            return await _finish(filming.make_video(engine, texts, seconds, format, size, scaling))

    async def shelf(texts: list[str]) -> dict[str, Any]:
        """Pack images, their texts and a script that renders them again: {"zip": data URI}."""
        with _gradio_errors():
            return await _finish(shelving.pack(engine, texts))

    return [walk, film, shelf]


def _project(engine: Engine) -> Lasting:
    async def project(picture: str, model: str, cut: str = photo.CROPS[0]) -> dict[str, Any]:
        """Invert a file, given as base64 or data URI: {"spec", "distance", ...}.

        cut: "face", or "middle" for the middle square.
        """
        with _gradio_errors():
            content = _content(picture)
            return await _finish(
                await run_in_threadpool(photo.invert_file, engine.model(model), content, cut)
            )

    return project


@contextmanager
def _gradio_errors() -> Iterator[None]:
    try:
        with checkpoint_errors():
            yield
    except (RequestError, SpecError, BoxesError) as error:
        said = str(error) if isinstance(error, RequestError) else error_sentence(error)
        raise gr.Error(said, print_exception=False) from None
    except QueueFullError as error:
        raise gr.Error(str(error), print_exception=False) from None
    except ModuleNotFoundError as error:
        raise gr.Error(error_sentence(explain(error)), print_exception=False) from None


async def _finish(work: Work[dict[str, Any]]) -> dict[str, Any]:
    return await streaming.await_result(work, gr.Progress())


def _content(picture: object) -> bytes:
    if isinstance(picture, str) and len(picture) > discriminator.MAX_UPLOAD * 4 / 3 + 100:
        raise RequestError(
            f"This is too large: at most {discriminator.MAX_UPLOAD >> 20} MB are taken."
        )
    try:
        return base64.b64decode(str(picture).rpartition(",")[2], validate=True)
    except ValueError:
        raise RequestError("Give the picture's file in base64, or as a data URI.") from None
