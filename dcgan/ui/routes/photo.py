"""Route of the tab Yours: the picture of a G that comes nearest to a photograph.

POST /dcgan/project?model=NAME&cut=face    the request's body is the file; cut: face or middle

Answered in lines, see streaming; on the way there is to see {"crop", "notes"}, and then the text of
the picture that it is at. 422 where a face is asked for and none is found. The photograph is
decoded in memory, answered and forgotten: nothing of it is kept or written to a file.
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
    """Routes for `launch(app_kwargs={"routes": ...})`."""

    async def of_file(request: Request) -> Response:
        model = engine.model(request.query_params.get("model", ""))
        cut = request.query_params.get("cut", CROPS[0])
        content = await read_body(request, MAX_UPLOAD)
        return await streaming.stream_answer(
            await run_in_threadpool(invert_file, model, content, cut)
        )

    return [Route("/dcgan/project", error_responses(of_file), methods=["POST"])]


def invert_file(model: Model, content: bytes, cut: object) -> Work[dict[str, Any]]:
    """{"spec", "distance", "starts", "samples", "crop", "notes"} of a file's picture.

    The file is decoded before this returns: in a worker thread, not in the one of all such work.
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
