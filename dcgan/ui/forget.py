"""Routes of the Forget tab (section 6.3.1): sets of boxes, the maps they speak of, where maps fire.

GET  /dcgan/boxes?model=NAME&set=NAME     a set that is shipped with the model
POST /dcgan/boxes                         a set, checked: the same, in its canonical form
POST /dcgan/units                         a set -> the maps to drop, see units.Fit
GET  /dcgan/exciting?model=NAME&layer=N   for each map of G the draws that excite it most; of
                                          D with &network=discriminator
POST /dcgan/activation?layer=N&map=M      a sheet's body -> where the map is active on each
                                          picture, as one transparent PNG
"""

from __future__ import annotations

import asyncio

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dcgan import images, units
from dcgan.boxes import BoxSet, parse_boxes
from dcgan.checkpoint import CheckpointError
from dcgan.engine import Engine, Model
from dcgan.spec import PictureSpec
from dcgan.ui.server import RequestError, answering, read_body, read_sheet, read_whole

AT_ONCE = 2  # fits and searches, so that pictures are drawn beside them
GLOW = (10, 190, 255)
OPACITY = 0.85


def routes(engine: Engine) -> list[BaseRoute]:
    """Routes for `launch(app_kwargs={"routes": ...})`."""
    slow = asyncio.Semaphore(AT_ONCE)

    async def shipped(request: Request) -> Response:
        model = engine.model(request.query_params.get("model", ""))
        name = request.query_params.get("set", "")
        boxes = model.checkpoint.boxes.get(name)
        if boxes is None:
            raise RequestError(f"{model.name} has no set of boxes called {name!r}.", 404)
        return _boxes(boxes)

    async def checked(request: Request) -> Response:
        boxes, _ = _read(await read_body(request), engine)
        return _boxes(boxes)

    async def fit(request: Request) -> Response:
        boxes, model = _read(await read_body(request), engine)
        async with slow:
            fitted = await run_in_threadpool(units.fit, model, boxes)
        return JSONResponse(fitted.table())

    async def exciting(request: Request) -> Response:
        model = engine.model(request.query_params.get("model", ""))
        layer = read_whole(request, "layer")
        network = request.query_params.get("network", units.GENERATOR)
        if network not in (units.GENERATOR, units.DISCRIMINATOR):
            raise RequestError("The network must be generator or discriminator.")
        async with slow:
            try:
                found = await run_in_threadpool(units.exciting, model, layer, network)
            except CheckpointError:
                raise RequestError(f"{model.name} comes without its discriminator.", 404) from None
        table = {"seed": units.DRAWS_SEED, "count": units.DRAWS}
        table |= {"draws": found.draws.tolist(), "cells": found.cells.tolist()}
        return JSONResponse(table)

    async def activation(request: Request) -> Response:
        specs, columns = read_sheet(await read_body(request), engine)
        layer, number = read_whole(request, "layer"), read_whole(request, "map")
        picture = await run_in_threadpool(_glow, engine, specs, columns, layer, number)
        return Response(images.encode_png(picture), media_type="image/png")

    return [
        Route("/dcgan/boxes", answering(shipped)),
        Route("/dcgan/boxes", answering(checked), methods=["POST"]),
        Route("/dcgan/units", answering(fit), methods=["POST"]),
        Route("/dcgan/exciting", answering(exciting)),
        Route("/dcgan/activation", answering(activation), methods=["POST"]),
    ]


def _glow(
    engine: Engine, specs: list[PictureSpec], columns: int, layer: int, number: int
) -> np.ndarray:
    """(rows size, columns size, 4) uint8, more opaque the nearer to the highest value of all."""
    if len({spec.model for spec in specs}) > 1:
        raise RequestError("The pictures must be of one model.")
    maps = engine.model(specs[0].model).activations(specs, layer)
    if number >= maps.shape[1]:
        raise RequestError(f"Layer {layer} has maps 0 to {maps.shape[1] - 1}, not {number}.")
    values = maps[:, number]
    glow = np.empty((*values.shape, 4), np.uint8)
    glow[..., :3] = GLOW
    glow[..., 3] = np.rint(values * (255 * OPACITY / max(float(values.max()), 1e-6)))
    scale = engine.model(specs[0].model).config.image_size // maps.shape[2]
    return images.enlarge(images.grid(glow, columns), scale)


def _read(body: bytes, engine: Engine) -> tuple[BoxSet, Model]:
    boxes = parse_boxes(body)
    model = engine.model(boxes.model)
    boxes.check(model.config)
    for picture in boxes.pictures:
        model.check(picture.spec)
    return boxes, model


def _boxes(boxes: BoxSet) -> Response:
    return Response(boxes.to_json(), media_type="application/json")
