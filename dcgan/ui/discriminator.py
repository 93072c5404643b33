"""Routes of the Discriminator tab (figure 5): what D makes of a picture, what its features seek.

    GET  /dcgan/look?spec=TEXT&feature=N       D looks at a picture by its text
    POST /dcgan/look?model=NAME&feature=N      D looks at an uploaded file: the request's body
    GET  /dcgan/features?model=NAME&first=N    the draws that some features respond to most

An upload is decoded in memory, answered and forgotten: nothing of it is kept or written to a file.
"""

from __future__ import annotations

import asyncio
import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dcgan import images
from dcgan.checkpoint import CheckpointError
from dcgan.engine import Engine, Model
from dcgan.ui.server import RequestError, answering, read_body, read_spec, read_whole

if TYPE_CHECKING:
    from dcgan.saliency import Survey

SHOWN = 6  # features at a time, and pictures of each
MAX_UPLOAD = 10 * 2**20
MAX_PIXELS = 40_000_000  # 160 MB decoded, one at a time
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
READABLE = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"


def routes(engine: Engine) -> list[BaseRoute]:
    """Routes for `launch(app_kwargs={"routes": ...})`."""
    surveys = _Surveys()
    alone = asyncio.Semaphore(1)  # a survey is for one thread at a time; pictures are drawn beside

    async def look(request: Request) -> Response:
        spec = read_spec(request.query_params.get("spec"), engine)
        model, feature = engine.model(spec.model), read_whole(request, "feature", "0")

        def work() -> dict[str, Any]:
            picture = model.render([spec])[0]
            return surveys.look(model, picture, feature, spec.label)

        async with alone:
            return JSONResponse(await run_in_threadpool(work))

    async def look_at_upload(request: Request) -> Response:
        model, feature = _model(request, engine), read_whole(request, "feature", "0")
        content = await read_body(request, MAX_UPLOAD)
        if not content:
            raise RequestError(f"This file is empty: give a picture ({READABLE}).")

        def work() -> dict[str, Any]:
            if model.config.classes:
                raise RequestError(
                    f"The discriminator of {model.name} has to be told a picture's class, which "
                    "an uploaded one does not have: choose another model."
                )
            picture, notes = read_picture(content, model.config.image_size, model.config.channels)
            return {**surveys.look(model, picture, feature, None), "notes": notes}

        async with alone:
            return JSONResponse(await run_in_threadpool(work))

    async def features(request: Request) -> Response:
        model, first = _model(request, engine), read_whole(request, "first", "0")
        async with alone:
            return JSONResponse(await run_in_threadpool(surveys.features, model, first))

    return [
        Route("/dcgan/look", answering(look)),
        Route("/dcgan/look", answering(look_at_upload), methods=["POST"]),
        Route("/dcgan/features", answering(features)),
    ]


class _Surveys:
    """What the routes answer with, from surveys that are made once per model."""

    def __init__(self) -> None:
        self._made: dict[str, Survey] = {}

    def look(
        self, model: Model, picture: np.ndarray, feature: int, label: int | None
    ) -> dict[str, Any]:
        """What D makes of a picture (H, W, 3), and what one feature and the strongest look at."""
        survey = self._of(model)
        _check_feature(feature, survey.features)
        logit, trained = survey.answers(survey.trained, picture, label)
        _, random = survey.answers(survey.random, picture, label)
        strongest = survey.standing_out(trained, SHOWN)
        chosen = [feature, *strongest]
        repeated = np.repeat(picture[None], len(chosen), axis=0)
        seen = survey.gradients(survey.trained, repeated, chosen, [label] * len(chosen))
        beside = survey.gradients(survey.random, picture[None], [feature], [label])
        return {
            "picture": _uri(images.encode_png(picture), "png"),
            "logit": logit,
            "usual": survey.logits.quantile(survey.logits.new_tensor([0.1, 0.5, 0.9])).tolist(),
            "features": survey.features,
            "feature": feature,
            "trained": _part(float(trained[feature]), seen[0]),
            "random": _part(float(random[feature]), beside[0]),
            "strongest": [
                {"feature": number, **_part(float(trained[number]), gradient)}
                for number, gradient in zip(strongest, seen[1:], strict=True)
            ],
        }

    def features(self, model: Model, first: int) -> dict[str, Any]:
        """The draws that `SHOWN` features respond to most, each above its guided gradient."""
        survey = self._of(model)
        _check_feature(first, survey.features)
        numbers = list(range(first, min(first + SHOWN, survey.features)))
        networks = {}
        for name, network in (("trained", survey.trained), ("random", survey.random)):
            rows = [row for n in numbers for row in survey.strongest(network, n, SHOWN)]
            columns = np.repeat(numbers, SHOWN).tolist()
            labels = [survey.specs[row].label for row in rows]
            pictures = survey.pictures[rows]
            gradients = survey.gradients(network, pictures, columns, labels)
            pairs = np.concatenate([pictures, gradients], axis=1)
            networks[name] = {
                "sheet": _uri(images.encode_jpeg(images.grid(pairs, SHOWN)), "jpeg"),
                "specs": [str(survey.specs[row]) for row in rows],
                "responses": survey.responses(network)[rows, columns].tolist(),
            }
        return {
            "features": survey.features,
            "samples": len(survey.specs),
            "numbers": numbers,
            "columns": SHOWN,
            **networks,
        }

    def _of(self, model: Model) -> Survey:
        from dcgan.saliency import Survey

        if model.name not in self._made:
            try:
                self._made[model.name] = Survey(model)
            except CheckpointError:
                raise RequestError(
                    f"There is no discriminator to look into for {model.name}: the stages of a "
                    "training run are kept without theirs. Go to the end of training, or choose "
                    "another model.",
                    404,
                ) from None
        return self._made[model.name]


def read_picture(content: bytes, size: int, channels: int) -> tuple[np.ndarray, list[str]]:
    """An uploaded file as D sees it: (size, size, 3) uint8, and what had to be done to it.

    The middle square, upright, as colours or greys of 8 bits. Raises RequestError for a file that
    is no picture, a broken one, and (by its header) one of too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=KINDS) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise RequestError(
                    f"This picture has {image.width:,} x {image.height:,} pixels, and at most "
                    f"{MAX_PIXELS // 10**6} million are read: give a smaller copy.",
                    413,
                )
            return _as_seen(image, size, channels)
    except RequestError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RequestError(
            f"This picture has far more than the {MAX_PIXELS // 10**6} million pixels that are "
            "read: give a smaller copy.",
            413,
        ) from None
    except Image.UnidentifiedImageError:
        raise RequestError(
            f"This file is not a picture that can be read here, whatever its name says: give "
            f"{READABLE}."
        ) from None
    except Exception as error:  # what a broken file makes Pillow's decoders stumble over
        raise RequestError(
            f"This picture is broken or incomplete ({error}): give another copy of it."
        ) from None


def _as_seen(image: Image.Image, size: int, channels: int) -> tuple[np.ndarray, list[str]]:
    notes = []
    if getattr(image, "is_animated", False):
        notes.append("The file holds several pictures: this is the first of them.")
    image.draft(None, (4 * size, 4 * size))  # a large JPEG is decoded at a part of its size
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        upright = _from_deep_greys(upright)
        notes.append("Its fine greys were reduced to 256.")
    if upright.has_transparency_data:
        see_through = upright.convert("RGBA")
        upright = Image.new("RGBA", see_through.size, "white")
        upright.alpha_composite(see_through)
        notes.append("What is transparent in it is white here.")
    plain = upright.convert("RGB" if channels == 3 else "L")
    square = ImageOps.fit(plain, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square.convert("RGB")), notes


def _from_deep_greys(image: Image.Image) -> Image.Image:
    """16 bits by their full range; 32 bits and fractions, which have none, by their extremes."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    low, high = (0, 65535) if image.mode.startswith("I;16") else (values.min(), values.max())
    scaled = (values - low) * (255 / max(float(high - low), 1e-9))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _part(response: float, gradient: np.ndarray) -> dict[str, Any]:
    return {"response": response, "gradient": _uri(images.encode_jpeg(gradient), "jpeg")}


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(content).decode()


def _model(request: Request, engine: Engine) -> Model:
    return engine.model(request.query_params.get("model", ""))


def _check_feature(feature: int, count: int) -> None:
    if feature >= count:
        raise RequestError(f"The last convolution has features 0 to {count - 1}, not {feature}.")
