"""Route of the tab "Your photo": GAN inversion of an uploaded photograph.

POST /dcgan/project?model=NAME&cut=face    the request's body is the file; cut: face or middle

Streams its progress, see serving/streaming.py. The first preview is {"crop", "notes"}; later ones
are specs of the current image. The status is 422 if a face is requested and none is found. The
photograph is decoded in memory and never stored.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dcgan.media import images
from dcgan.models.checkpoint import CheckpointError
from dcgan.rendering.engine import Engine, Model
from dcgan.tasks import Progress, Work
from dcgan.ui.routes.discriminator import MAX_UPLOAD
from dcgan.ui.serving import streaming
from dcgan.ui.serving.http import (
    RequestError,
    data_uri,
    error_responses,
    read_body,
    upload_errors,
)

if TYPE_CHECKING:
    from dcgan.analysis.inversion import StartingPoint

CROPS = "face", "middle"


def routes(engine: Engine) -> list[BaseRoute]:
    """Return the routes for `launch(app_kwargs={"routes": ...})`."""

    async def of_file(request: Request) -> Response:
        model = engine.model(request.query_params.get("model", ""))
        cut = request.query_params.get("cut", CROPS[0])
        content = await read_body(request, MAX_UPLOAD)
        return await streaming.stream_answer(
            await run_in_threadpool(invert_file, model, content, cut)
        )

    return [Route("/dcgan/project", error_responses(of_file), methods=["POST"])]


def invert_file(model: Model, content: bytes, cut: object) -> Work[dict[str, Any]]:
    """Invert an uploaded file's image.

    The result has "spec", "distance", "starts", "samples", "crop" and "notes".

    The file is decoded before this returns, so that the caller can do it in a worker thread rather
    than in the single thread that runs background tasks.
    """
    from dcgan.analysis import inversion
    from dcgan.analysis.discriminator import load_discriminator

    if cut not in CROPS:
        raise RequestError(f'"cut" is {" or ".join(CROPS)}, not {str(cut)[:40]!r}.')
    try:
        load_discriminator(model)
    except CheckpointError:
        raise RequestError(
            f"There is no discriminator to compare pictures with for {model.name}: the stages of "
            "a training run are kept without theirs. Go to the end of training.",
            404,
        ) from None
    with upload_errors(content):
        picture, notes = inversion.crop_upload(model, content, middle=cut == "middle")
    return _invert(model, picture, notes)


def _invert(model: Model, picture: np.ndarray, notes: list[str]) -> Work[dict[str, Any]]:
    import torch

    from dcgan.analysis import inversion

    torch.set_num_threads(inversion.TORCH_THREADS)
    searching = inversion.invert(model, picture, inversion.STEPS)
    seen = {"crop": data_uri(images.encode_png(picture), "png"), "notes": notes}
    yield Progress(next(searching), seen)
    while True:
        try:
            yield next(searching)
        except StopIteration as end:
            found = end.value
            break
    return {
        "spec": str(found.spec),
        "distance": asdict(found.distance),
        "starts": [_start(start) for start in found.starts],
        "samples": inversion.START_SAMPLES,
        **seen,
    }


def _start(start: StartingPoint) -> dict[str, Any]:
    return {"kind": start.kind, "spec": str(start.spec), **asdict(start.distance)}
