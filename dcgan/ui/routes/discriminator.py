"""Routes of the Discriminator tab (figure 5): D's logit, saliency of its features, linear probes.

    GET  /dcgan/look?spec=TEXT&feature=N       D's analysis of an image given by its spec
    POST /dcgan/look?model=NAME&feature=N      D's analysis of an uploaded file (the request's body)
    GET  /dcgan/features?model=NAME&first=N    top-activating samples of a page of features
    GET  /dcgan/probes                         accuracy of the models' probes (table 1)
    GET  /dcgan/probe?spec=TEXT                a probe's classification; null without a probe
    POST /dcgan/probe?model=NAME               the same for an uploaded file

The first three stream their progress (see serving/streaming.py), because the first request for a
model computes a survey of its features, which takes seconds. Probes do not need the survey. Uploads
are decoded in memory and never stored.
"""

from __future__ import annotations

import functools
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dcgan.latents.spec import PictureSpec
from dcgan.media import images
from dcgan.media.uploads import read_square_upload
from dcgan.models.checkpoint import CheckpointError
from dcgan.rendering.engine import Engine, Model
from dcgan.tasks import Work
from dcgan.ui.serving import streaming
from dcgan.ui.serving.http import (
    RequestError,
    checkpoint_errors,
    data_uri,
    error_responses,
    read_body,
    read_int,
    read_spec,
    upload_errors,
)

if TYPE_CHECKING:
    from dcgan.analysis.probe import Probe
    from dcgan.analysis.saliency import FeatureAttribution, Survey
    from dcgan.models.networks import Discriminator

MAX_UPLOAD = 10 * 2**20


def routes(engine: Engine) -> list[BaseRoute]:
    """Return the routes for `launch(app_kwargs={"routes": ...})`."""

    async def by_text(request: Request) -> Response:
        spec = read_spec(request.query_params.get("spec"), engine)
        return await streaming.stream_answer(
            explain(engine, spec, read_int(request, "feature", "0"))
        )

    async def by_file(request: Request) -> Response:
        model, feature = _model(request, engine), read_int(request, "feature", "0")
        content = await read_body(request, MAX_UPLOAD)
        explaining = await run_in_threadpool(explain_file, model, content, feature)
        return await streaming.stream_answer(explaining)

    async def by_feature(request: Request) -> Response:
        model, first = _model(request, engine), read_int(request, "first", "0")
        return await streaming.stream_answer(feature_page(model, first))

    async def with_probe(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(describe_probes, engine))

    async def class_by_text(request: Request) -> Response:
        spec = read_spec(request.query_params.get("spec"), engine)
        return JSONResponse(await run_in_threadpool(classify, engine, spec))

    async def class_by_file(request: Request) -> Response:
        model, content = _model(request, engine), await read_body(request, MAX_UPLOAD)
        return JSONResponse(await run_in_threadpool(classify_file, model, content))

    return [
        Route("/dcgan/look", error_responses(by_text)),
        Route("/dcgan/look", error_responses(by_file), methods=["POST"]),
        Route("/dcgan/features", error_responses(by_feature)),
        Route("/dcgan/probes", error_responses(with_probe)),
        Route("/dcgan/probe", error_responses(class_by_text)),
        Route("/dcgan/probe", error_responses(class_by_file), methods=["POST"]),
    ]


def explain(engine: Engine, spec: PictureSpec, feature: int) -> Work[dict[str, Any]]:
    """Analyse an image: D's logit, and the saliency of one feature and of the strongest ones."""
    model = engine.model(spec.model)
    [picture] = model.render([spec])
    return (yield from _explain(model, picture, feature, spec.label))


def explain_file(model: Model, content: bytes, feature: int) -> Work[dict[str, Any]]:
    """Analyse an uploaded file as `explain` does; "notes" says how it was converted.

    The file is decoded before this returns, so that the caller can do it in a worker thread rather
    than in the single thread that runs background tasks.
    """
    from dcgan.analysis import saliency

    saliency.check_feature(model, feature, labelled=False)
    picture, notes = _read_image(model, content)

    def explaining() -> Work[dict[str, Any]]:
        found = yield from _explain(model, picture, feature, None)
        return {**found, "notes": notes}

    return explaining()


def feature_page(model: Model, first: int) -> Work[dict[str, Any]]:
    """Return the top-activating samples of features from `first` on, with guided gradients."""
    from dcgan.analysis.saliency import FEATURES_SHOWN

    survey = yield from _survey(model, first)
    numbers = survey.feature_range(first)
    networks = {}
    for name, network in (("trained", survey.trained), ("random", survey.random)):
        found = survey.top_samples(network, numbers)
        sheet = images.encode_jpeg(images.make_grid(found.pairs, FEATURES_SHOWN))
        networks[name] = {
            "sheet": data_uri(sheet, "jpeg"),
            "specs": [str(spec) for spec in found.specs],
            "responses": found.responses,
        }
    return {
        "features": _features(model),
        "samples": len(survey.specs),
        "numbers": list(numbers),
        "columns": FEATURES_SHOWN,
        **networks,
    }


def describe_probes(engine: Engine) -> dict[str, Any]:
    """Return the classes and the accuracy of each model's probe, by model."""
    import torch  # noqa: F401  (without it no probe answers: that is said before one is asked)

    found = {name: model.checkpoint.readable.probe for name, model in engine.models.items()}
    return {
        name: {"classes": list(described.classes), "facts": described.facts}
        for name, described in found.items()
        if described
    }


def classify(engine: Engine, spec: PictureSpec) -> dict[str, Any] | None:
    """Classify an image with its model's probe (`probe.answer_json`); return None without one."""
    model = engine.model(spec.model)
    [picture] = model.render([spec])
    return _classify(model, picture)


def classify_file(model: Model, content: bytes) -> dict[str, Any] | None:
    """Classify an uploaded file as `classify` does."""
    picture, _ = _read_image(model, content)
    return _classify(model, picture)


def _classify(model: Model, picture: np.ndarray) -> dict[str, Any] | None:
    from dcgan.analysis import probe

    with checkpoint_errors("A probe"):
        opened = _probe(model)
    return opened and probe.answer_json(*opened, picture)


@functools.lru_cache(maxsize=64)
def _probe(model: Model) -> tuple[Probe, Discriminator] | None:
    from dcgan.analysis import probe

    return probe.load_probe(model.checkpoint)


def _read_image(model: Model, content: bytes) -> tuple[np.ndarray, list[str]]:
    """Decode an upload to the model's input size; also return notes on the conversion."""
    with upload_errors(content):
        return read_square_upload(content, model.config.image_size, model.config.channels)


def _explain(
    model: Model, picture: np.ndarray, feature: int, label: int | None
) -> Work[dict[str, Any]]:
    survey = yield from _survey(model, feature)
    found = survey.attribute(picture, feature, label)
    return {
        "picture": data_uri(images.encode_png(picture), "png"),
        "logit": found.logit,
        "usual": found.usual,
        "features": _features(model),
        "feature": feature,
        "trained": _attribution_json(found.trained),
        "random": _attribution_json(found.random),
        "strongest": [_attribution_json(seen) for seen in found.strongest],
    }


def _attribution_json(seen: FeatureAttribution) -> dict[str, Any]:
    return {**asdict(seen), "gradient": data_uri(images.encode_jpeg(seen.gradient), "jpeg")}


def _survey(model: Model, feature: int) -> Work[Survey]:
    """Return the survey of a model's D, after checking that D has this feature."""
    from dcgan.analysis import saliency

    saliency.check_feature(model, feature)
    try:
        return (yield from saliency.survey(model))
    except CheckpointError:
        raise RequestError(
            f"There is no discriminator to look into for {model.name}: the stages of a "
            "training run are kept without theirs. Go to the end of training, or choose "
            "another model.",
            404,
        ) from None


def _features(model: Model) -> int:
    return model.config.discriminator_widths[-1]


def _model(request: Request, engine: Engine) -> Model:
    return engine.model(request.query_params.get("model", ""))
