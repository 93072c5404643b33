"""Routes of the Forget tab (section 6.3.1): boxes, fitted feature maps, top activations, overlays.

GET  /dcgan/boxes?model=NAME&set=NAME     a set of boxes that is shipped with the model
POST /dcgan/boxes                         validates a set of boxes and returns its canonical form
POST /dcgan/units                         a set of boxes -> the maps to ablate, see units.UnitFit
GET  /dcgan/exciting?model=NAME&layer=N   top-activating samples of each map of G; of D with
                                          &network=discriminator
POST /dcgan/activation?layer=N&map=M      a sheet's body -> the map's activation on each image, as
                                          a transparent PNG

Fits and searches stream their progress, see serving/streaming.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dcgan.analysis import units
from dcgan.media import images
from dcgan.models.annotations import BoxSet, parse_boxes
from dcgan.models.checkpoint import CheckpointError
from dcgan.rendering.engine import Engine, Model, RenderInputs
from dcgan.tasks import Work
from dcgan.ui.serving import streaming
from dcgan.ui.serving.http import RequestError, error_responses, read_body, read_int, read_sheet

OVERLAY_COLOUR = (10, 190, 255)
OVERLAY_OPACITY = 0.85


def routes(engine: Engine) -> list[BaseRoute]:
    """Return the routes for `launch(app_kwargs={"routes": ...})`."""

    async def shipped(request: Request) -> Response:
        model = engine.model(request.query_params.get("model", ""))
        return _boxes(shipped_boxes(model, request.query_params.get("set", "")))

    async def checked(request: Request) -> Response:
        boxes, _ = _read(await read_body(request), engine)
        return _boxes(boxes)

    async def fitted(request: Request) -> Response:
        return await streaming.stream_answer(fit_units(engine, await read_body(request)))

    async def most_exciting(request: Request) -> Response:
        model = engine.model(request.query_params.get("model", ""))
        layer = read_int(request, "layer")
        network = request.query_params.get("network", units.GENERATOR)
        return await streaming.stream_answer(top_activations(model, layer, network))

    async def activation(request: Request) -> Response:
        inputs, columns = read_sheet(await read_body(request), engine)
        layer, number = read_int(request, "layer"), read_int(request, "map")
        content = await run_in_threadpool(activation_overlay, inputs, columns, layer, number)
        return Response(content, media_type="image/png")

    return [
        Route("/dcgan/boxes", error_responses(shipped)),
        Route("/dcgan/boxes", error_responses(checked), methods=["POST"]),
        Route("/dcgan/units", error_responses(fitted), methods=["POST"]),
        Route("/dcgan/exciting", error_responses(most_exciting)),
        Route("/dcgan/activation", error_responses(activation), methods=["POST"]),
    ]


def shipped_boxes(model: Model, name: str) -> BoxSet:
    """Return a set of boxes that comes with a model. Raises RequestError (404)."""
    boxes = model.checkpoint.readable.boxes.get(name)
    if boxes is None:
        raise RequestError(f"{model.name} has no set of boxes called {name!r}.", 404)
    return boxes


def fit_units(engine: Engine, boxes: str | bytes) -> Work[dict[str, Any]]:
    """Fit the feature maps to a set of boxes given as JSON; return `UnitFit.table`."""
    drawn, model = _read(boxes, engine)
    if known := units.load_unit_fit(model, drawn):
        return known.table()
    return (yield from units.fit_units_in_steps(model, drawn)).table()


def top_activations(model: Model, layer: int, network: str) -> Work[dict[str, Any]]:
    """Return the top-activating samples of each map of a layer, and the cells of the maxima."""
    if network not in (units.GENERATOR, units.DISCRIMINATOR):
        raise RequestError("The network must be generator or discriminator.")
    try:
        found = yield from units.top_activations(model, layer, network)
    except CheckpointError:
        raise RequestError(f"{model.name} comes without its discriminator.", 404) from None
    table = {"seed": units.TOP_SAMPLES_SEED, "count": units.TOP_SAMPLES_SEARCHED}
    return table | {"draws": found.draws.tolist(), "cells": found.cells.tolist()}


def activation_overlay(
    inputs: Sequence[RenderInputs], columns: int, layer: int, number: int
) -> bytes:
    """Return a transparent PNG to lay over a sheet of images; opacity shows a map's activation."""
    model, *others = {one.model for one in inputs}
    if others:
        raise RequestError("The pictures must be of one model.")
    maps = model.activations_resolved(inputs, layer)
    if number >= maps.shape[1]:
        raise RequestError(f"Layer {layer} has maps 0 to {maps.shape[1] - 1}, not {number}.")
    scale = model.config.image_size // maps.shape[2]
    grid = images.make_grid(overlay_pixels(maps[:, number]), columns)
    return images.encode_png(images.enlarge(grid, scale))


def overlay_pixels(active: np.ndarray) -> np.ndarray:
    """A map on several pictures (N, H, W) -> RGBA (N, H, W, 4), most opaque where it is largest.

    In doubles and in this order, so that JavaScript (core/pixels.js) rounds to the same bytes.
    """
    overlay = np.empty((*active.shape, 4), np.uint8)
    overlay[..., :3] = OVERLAY_COLOUR
    most = max(float(active.max()), 1e-6)
    overlay[..., 3] = np.rint(active.astype(np.float64) * (255 * OVERLAY_OPACITY) / most)
    return overlay


def _read(body: str | bytes, engine: Engine) -> tuple[BoxSet, Model]:
    boxes = parse_boxes(body)
    model = engine.model(boxes.model)
    boxes.check(model.config)
    for picture in boxes.pictures:
        model.check(picture.spec)
    return boxes, model


def _boxes(boxes: BoxSet) -> Response:
    return Response(boxes.to_json(), media_type="application/json")
