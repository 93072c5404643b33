"""Routes for rendering in the browser; a static site has the same files at the same addresses.

    GET /dcgan/generators/HASH.BACKEND.onnx   graph of the generator with this hash of its weights
    GET /dcgan/generators/HASH.tensors        its tensors
    GET /dcgan/directions/HASH.json           directions by name, with this hash
    GET /dcgan/runtime/VERSION/FILE           onnxruntime-web, if `make setup` has installed it

All addresses name their content, so that responses are cached for good.
"""

from __future__ import annotations

import functools

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dcgan.rendering.engine import Engine, Model
from dcgan.site import ort_web
from dcgan.ui.serving.http import CACHE_FOREVER, RequestError, error_responses

BYTES = "application/octet-stream"
MEDIA_TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}


def routes(engine: Engine) -> list[BaseRoute]:
    """Return the routes for `launch(app_kwargs={"routes": ...})`."""

    def named(request: Request) -> Model:
        digest = request.path_params["digest"]
        for model in engine.models.values():
            if model.checkpoint.hash == digest:
                return model
        raise RequestError(f"There are no weights {digest[:40]!r} here.", 404)

    async def generator(request: Request) -> Response:
        backend = request.path_params["backend"]
        if backend not in ort_web.BACKENDS:
            raise RequestError(f"There are no generators for {backend[:40]!r} here.", 404)
        content = await run_in_threadpool(_generator, named(request), backend)
        return Response(content, media_type=BYTES, headers=_forever())

    async def tensors(request: Request) -> Response:
        content = await run_in_threadpool(_tensors, named(request))
        return Response(content, media_type=BYTES, headers=_forever())

    async def directions(request: Request) -> Response:
        table = await run_in_threadpool(_directions, engine, request.path_params["digest"])
        return JSONResponse(table, headers=_forever())

    async def part(request: Request) -> Response:
        path = ort_web.runtime_file(request.path_params["version"], request.path_params["file"])
        if path is None:
            raise RequestError("This server has no such file of onnxruntime-web.", 404)
        headers = {**_forever(), "Vary": "Accept-Encoding"}
        kind = MEDIA_TYPES[path.suffix]
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return FileResponse(path, media_type=kind, headers=headers)
        content = await run_in_threadpool(ort_web.compressed, path)
        return Response(content, media_type=kind, headers={**headers, "Content-Encoding": "gzip"})

    return [
        Route("/dcgan/generators/{digest}.{backend}.onnx", error_responses(generator)),
        Route("/dcgan/generators/{digest}.tensors", error_responses(tensors)),
        Route("/dcgan/directions/{digest}.json", error_responses(directions)),
        Route("/dcgan/runtime/{version}/{file}", error_responses(part)),
    ]


def _forever() -> dict[str, str]:
    return {"Cache-Control": CACHE_FOREVER}


def _directions(engine: Engine, digest: str) -> dict[str, list[float]]:
    """Return the directions with this hash. Stages share those of their model."""
    for model in engine.models.values():
        if model.checkpoint.directions_hash == digest:
            return {name: step.tolist() for name, step in model.directions.items()}
    raise RequestError(f"There are no directions {digest[:40]!r} here.", 404)


@functools.lru_cache(maxsize=4)
def _generator(model: Model, backend: str) -> bytes:
    """Build a browser graph; cached, as an audience requests the same model at the same time."""
    from dcgan.rendering import onnx_export

    return onnx_export.build_browser_graph(model.checkpoint, backend)


@functools.lru_cache(maxsize=2)
def _tensors(model: Model) -> bytes:
    from dcgan.rendering import onnx_export

    return onnx_export.browser_tensors(model.checkpoint)
