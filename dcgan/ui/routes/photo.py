"""Route of the tab Yours: the picture of a G that comes nearest to a photograph.

POST /dcgan/project?model=NAME&cut=face    the request's body is the file; cut: face or middle

Answered in lines, see slow.py; on the way there is to see {"crop", "notes"}, and then the text of
the picture that it is at. 422 where a face is asked for and none is found. The photograph is
decoded in memory, answered and forgotten: nothing of it is kept or written to a file.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dcgan import images
from dcgan.checkpoint import CheckpointError
from dcgan.engine import Engine, Model
from dcgan.ui import slow
from dcgan.ui.discriminator import MAX_UPLOAD
from dcgan.ui.server import RequestError, answering, data_uri, read_body, readable, reading
from dcgan.work import Sketch, Work

if TYPE_CHECKING:
    from dcgan.projection import Begun

CUTS = "face", "middle"


def routes(engine: Engine) -> list[BaseRoute]:
    """Routes for `launch(app_kwargs={"routes": ...})`."""

    async def of_file(request: Request) -> Response:
        model = engine.model(request.query_params.get("model", ""))
        cut = request.query_params.get("cut", CUTS[0])
        content = await read_body(request, MAX_UPLOAD)
        return await slow.answer(project(model, content, cut))

    return [Route("/dcgan/project", answering(of_file), methods=["POST"])]


def project(model: Model, content: bytes, cut: object) -> Work[dict[str, Any]]:
    """{"spec", "distance", "starts", "samples", "crop", "notes"} of a file's picture."""
    import torch

    from dcgan import projection, sight

    torch.set_num_threads(projection.THREADS)
    if cut not in CUTS:
        raise RequestError(f'"cut" is {" or ".join(CUTS)}, not {str(cut)[:40]!r}.')
    try:
        sight.discriminator(model)
    except CheckpointError:
        raise RequestError(
            f"There is no discriminator to compare pictures with for {model.name}: the stages of "
            "a training run are kept without theirs. Go to the end of training.",
            404,
        ) from None
    with reading(content):
        picture, notes = projection.crop(model, content, middle=cut == "middle")
    searching = projection.project(model, picture, projection.STEPS)
    with readable("The encoder"):
        first = next(searching)
    seen = {"crop": data_uri(images.encode_png(picture), "png"), "notes": notes}
    yield Sketch(first, seen)
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
        "samples": projection.SAMPLES,
        **seen,
    }


def _start(start: Begun) -> dict[str, Any]:
    return {"kind": start.kind, "spec": str(start.spec), **asdict(start.distance)}
