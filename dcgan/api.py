"""Python API, `from dcgan import load, render, walk`: images as arrays that a notebook displays.

Examples are in docs/EXAMPLES.md, and under "Copy Python" on the page.
"""

from __future__ import annotations

import functools
import io
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dcgan.latents import interpolation
from dcgan.latents.spec import VERSION, PictureSpec, SpecError, Z, parse
from dcgan.media import images
from dcgan.media.video import VideoOptions, encode_video
from dcgan.models.checkpoint import CONFIG, Checkpoint, load
from dcgan.rendering.engine import Model
from dcgan.tasks import run_to_end

__all__ = ["load", "render", "walk"]

Picture: TypeAlias = str | PictureSpec | Z
"""An image's spec, such as v1:faces@0123abcd:z(1,0):gain(3,0,7), or its part after the weights."""

MAX_IMAGES_IN_GRID = 100
DISPLAY_SIDE = 384


class RenderedImages(NDArray[np.uint8]):
    """Array of an image, uint8 (H, W, 3), or of several, (N, H, W, 3), displayed as a grid.

    Results of computations are plain arrays. texts: specs of the images, as rendered; empty for a
    part of the array.
    """

    texts: tuple[str, ...]

    def __array_finalize__(self, source: object) -> None:
        self.texts = ()

    def __array_wrap__(
        self, array: np.ndarray, context: object = None, return_scalar: bool = False
    ) -> Any:
        return array[()] if return_scalar else np.asarray(array)

    def save(self, path: str | Path, scale: int = 1) -> None:
        """Write the images, several as a grid, in the format given by the path's suffix.

        The PNG of a single image has its spec in the metadata. scale: integer enlargement. Raises
        ValueError for a suffix that Pillow does not know.
        """
        path, picture = Path(path), images.enlarge(_display_grid(self), scale)
        if path.suffix == ".png":
            text = self.texts[0] if len(self.texts) == 1 else None
            path.write_bytes(images.encode_png(picture, text))
        else:
            Image.fromarray(picture).save(path)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        """Return a PNG and the size at which IPython displays it."""
        if not _is_displayable(self):
            return None
        sheet = _display_grid(self[:MAX_IMAGES_IN_GRID] if self.ndim == 4 else self)
        return images.encode_png(sheet), _size(sheet)


class RenderedWalk(RenderedImages):
    """Frames of a walk, uint8 (N, H, W, 3), which a notebook plays in a loop."""

    def save(self, path: str | Path, scale: int = 4) -> None:
        """Write a video (.mp4, .gif, .webp) or a strip of frames (.png), with specs as metadata.

        scale: integer enlargement. Raises ValueError for other suffixes and unsupported sizes.
        """
        path, frames = Path(path), np.asarray(self)
        seconds, size = len(frames) / interpolation.FRAMES_PER_SECOND, scale * frames.shape[1]
        film = VideoOptions(path.suffix.removeprefix("."), seconds, size, "nearest")
        path.write_bytes(run_to_end(encode_video(frames, self.texts, film)))

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        if not _is_displayable(self) or self.ndim == 3:
            return super()._repr_png_()
        first, *rest = [Image.fromarray(frame) for frame in np.asarray(self)]
        buffer = io.BytesIO()
        duration = 1000 / interpolation.FRAMES_PER_SECOND
        first.save(buffer, "PNG", save_all=True, append_images=rest, duration=duration, loop=0)
        return buffer.getvalue(), _size(self[0])


def render(
    checkpoint: Checkpoint,
    pictures: Picture | Iterable[Picture] | np.ndarray,
    labels: np.ndarray | None = None,
) -> RenderedImages:
    """Render one image, uint8 (H, W, 3), or several, (N, H, W, 3).

    pictures: one spec or several; or latents, an array (z_size,) or (N, z_size). A spec may lack
    model and weights, as in "move(pc1,2,z(1,0))" or "z(1,0):class(3)". labels: class numbers (N,)
    of latents of a class-conditional model. Images of latents have no texts.

    Raises SpecError for specs that the checkpoint can't render.
    """
    if isinstance(pictures, np.ndarray):
        rows = pictures if pictures.ndim > 1 else pictures[None]
        known = None if labels is None else np.asarray(labels).reshape(-1)
        model = _model(checkpoint, checkpoint.hash)
        drawn = model.render_latents(rows, known).view(RenderedImages)
        return drawn if pictures.ndim > 1 else drawn[0]
    if isinstance(pictures, str) or not isinstance(pictures, Iterable):
        row = render(checkpoint, [pictures])
        alone = row[0]
        alone.texts = row.texts
        return alone
    model = _model(checkpoint, checkpoint.hash)
    specs = _specs(model, pictures)
    drawn = model.render(specs).view(RenderedImages)
    drawn.texts = tuple(map(str, specs))
    return drawn


def walk(
    checkpoint: Checkpoint,
    keyframes: Iterable[Picture],
    seconds: float = 10,
    *,
    closed: bool = True,
    spherical: bool = True,
) -> RenderedWalk:
    """Render a walk through keyframes (figure 4) with `interpolation.FRAMES_PER_SECOND`.

    keyframes: specs of the keyframes. seconds: duration. closed: return to the first keyframe.
    spherical: slerp instead of lerp. Frames have the edits and the class of the keyframe that they
    are at or have passed last. Raises ValueError for fewer than 2 keyframes, and SpecError for
    specs that the checkpoint can't render.
    """
    if not 0 < seconds < math.inf:
        raise ValueError(f"a walk takes some seconds, such as 10, not {seconds}")
    model = _model(checkpoint, checkpoint.hash)
    specs = interpolation.walk_frames(_specs(model, keyframes), seconds, closed, spherical)
    drawn = model.render(specs).view(RenderedWalk)
    drawn.texts = tuple(map(str, specs))
    return drawn


@functools.lru_cache(maxsize=8)
def _model(checkpoint: Checkpoint, weights: str) -> Model:
    """Return the checkpoint's model, cached. weights: hash, so that changed weights are reread."""
    return Model(page_name(checkpoint.folder.absolute()), checkpoint)


def page_name(folder: Path) -> str:
    """Return a checkpoint's name on the page, such as faces, or faces/seen-76k for a stage.

    For a folder in the Hub's cache it is the name of the repository.
    """
    match folder.parts:
        case (*_, repository, "snapshots", _):
            names = [repository.rpartition("--")[2]]
        case (*_, owner, stage) if (folder.parent / CONFIG).is_file():
            names = [owner, stage]
        case _:
            names = [folder.name]
    return "/".join(re.sub("[^a-z0-9_-]", "-", name.lower())[:64] or "model" for name in names)


def _specs(model: Model, pictures: Iterable[Picture]) -> list[PictureSpec]:
    specs = [_spec(model, str(picture)) for picture in pictures]
    if not specs:
        raise SpecError("there is nothing to draw: give a text such as z(1,0), or several")
    return specs


def _spec(model: Model, text: str) -> PictureSpec:
    if text.lstrip().startswith(f"{VERSION}:"):
        return parse(text)
    whole = f"{VERSION}:{model.name}@{model.checkpoint.hash}:{text}"
    try:
        return parse(whole)
    except SpecError as error:
        raise SpecError(f"{error}, in {whole}") from None


def _is_displayable(pictures: np.ndarray) -> bool:
    return (
        pictures.dtype == np.uint8
        and pictures.ndim in (3, 4)
        and pictures.shape[-1] == 3
        and pictures.size > 0
    )


def _display_grid(pictures: np.ndarray) -> np.ndarray:
    """Return a single image as it is, several as a grid: (H, W, 3)."""
    plain = np.ascontiguousarray(pictures)
    return images.make_grid(plain) if plain.ndim == 4 else plain


def _size(sheet: np.ndarray) -> dict[str, int]:
    """Return the display size: enlarged by an integer to at most DISPLAY_SIDE, never reduced."""
    height, width, _ = sheet.shape
    scale = max(1, DISPLAY_SIDE // max(height, width))
    return {"width": scale * width, "height": scale * height}
