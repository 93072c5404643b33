"""Sets of boxes, drawn around one kind of thing in samples (section 6.3.1), as JSON.

    {"version": 1, "name": "windows", "layer": 3, "pictures": [
      {"spec": "v1:rooms@0123abcd:z(1,0)", "boxes": [[12, 8, 30, 31.5], ...]}, ...]}

A box is [left, top, right, bottom] in pixels of the picture, from its upper left corner. A picture
without boxes has been looked at and shows no such thing. All pictures are of the same weights.
"""

from __future__ import annotations

import json
import reprlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcgan.config import ModelConfig
from dcgan.latents.spec import PictureSpec, SpecError, parse

VERSION = 1
MAX_IMAGES = 256
MAX_BOXES_PER_IMAGE = 32  # of one picture
MAX_NAME = 64
MAX_SIDE = 4096

Box = tuple[float, float, float, float]


class BoxesError(ValueError):
    """A text that holds no set of boxes, or a set that can't be used; the message says why."""


@dataclass(frozen=True)
class AnnotatedImage:
    """A picture and the boxes in it."""

    spec: PictureSpec
    boxes: tuple[Box, ...]

    def cells(self, side: int, cells: int) -> NDArray[np.bool_]:
        """Which of cells x cells over a picture of side x side pixels have their centre in a box;
        a box holds its left and upper edges, not its right and lower ones."""
        centres = (np.arange(cells) + 0.5) * side / cells
        inside = np.zeros((cells, cells), bool)
        for left, top, right, bottom in self.boxes:
            rows = (top <= centres) & (centres < bottom)
            inside |= rows[:, None] & (left <= centres) & (centres < right)
        return inside


@dataclass(frozen=True)
class BoxSet:
    """layer: the one whose feature maps are meant, 1 being next to z."""

    name: str
    layer: int
    pictures: tuple[AnnotatedImage, ...]

    @property
    def boxed(self) -> tuple[AnnotatedImage, ...]:
        """The pictures with boxes."""
        return tuple(picture for picture in self.pictures if picture.boxes)

    @property
    def model(self) -> str:
        return self.pictures[0].spec.model

    @property
    def weights(self) -> str:
        """The first 8 hexadecimal digits of their SHA-256."""
        return self.pictures[0].spec.weights

    def check(self, config: ModelConfig) -> None:
        """Raises BoxesError for a layer or a box that the model's pictures do not have."""
        if self.layer > len(config.layer_shapes):
            raise BoxesError(
                f"{self.model} has layers 1 to {len(config.layer_shapes)}, not {self.layer}"
            )
        for number, picture in enumerate(self.pictures, start=1):
            for box in picture.boxes:
                if max(box) > config.image_size:
                    raise BoxesError(
                        f"picture {number} has a box {list(box)} that reaches beyond its "
                        f"{config.image_size} x {config.image_size} pixels"
                    )

    def to_json(self) -> str:
        """`parse_boxes` reads it back to an equal set."""
        pictures = [
            {
                "spec": str(picture.spec),
                "boxes": [list(map(_rounded, box)) for box in picture.boxes],
            }
            for picture in self.pictures
        ]
        lines = ",\n".join(f"  {json.dumps(picture)}" for picture in pictures)
        head = f'"version": {VERSION}, "name": {json.dumps(self.name)}, "layer": {self.layer}'
        return f'{{{head}, "pictures": [\n{lines}\n]}}\n'


def parse_boxes(text: str | bytes) -> BoxSet:
    """Raises BoxesError, whose sentence counts pictures and boxes from 1."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise BoxesError("a set of boxes must be JSON, as this page saves it") from None
    if not isinstance(found, dict) or found.keys() != {"version", "name", "layer", "pictures"}:
        raise BoxesError('a set of boxes must have "version", "name", "layer" and "pictures"')
    if found["version"] != VERSION:
        raise BoxesError(f"this set has version {_quoted(found['version'])}, not {VERSION}")
    name, layer, pictures = found["name"], found["layer"], found["pictures"]
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise BoxesError(f'"name" must have 1 to {MAX_NAME} characters, not be {_quoted(name)}')
    if type(layer) is not int or layer < 1:
        raise BoxesError(f'"layer" must be a whole number from 1, not {_quoted(layer)}')
    if not isinstance(pictures, list) or not 1 <= len(pictures) <= MAX_IMAGES:
        raise BoxesError(f'"pictures" must list 1 to {MAX_IMAGES} pictures')
    boxed = tuple(
        _read_image(picture, f"picture {i}") for i, picture in enumerate(pictures, start=1)
    )
    networks = {f"{picture.spec.model}@{picture.spec.weights}" for picture in boxed}
    if len(networks) > 1:
        raise BoxesError(f"all pictures must be of one network, not {' and '.join(networks)}")
    return BoxSet(name, layer, boxed)


def _read_image(picture: object, what: str) -> AnnotatedImage:
    if not isinstance(picture, dict) or picture.keys() != {"spec", "boxes"}:
        raise BoxesError(f'{what} must have "spec" and "boxes"')
    spec, boxes = picture["spec"], picture["boxes"]
    if not isinstance(boxes, list) or len(boxes) > MAX_BOXES_PER_IMAGE:
        raise BoxesError(f'the "boxes" of {what} must be a list of at most {MAX_BOXES_PER_IMAGE}')
    try:
        return AnnotatedImage(
            parse(spec),
            tuple(_read_box(box, f"box {i} of {what}") for i, box in enumerate(boxes, 1)),
        )
    except SpecError as error:
        raise BoxesError(f'the "spec" of {what} is not the text of a picture: {error}') from None


def _read_box(box: object, what: str) -> Box:
    if (
        not isinstance(box, list)
        or len(box) != 4
        or not all(type(x) in (int, float) and 0 <= x <= MAX_SIDE for x in box)
        or not (box[0] < box[2] and box[1] < box[3])
    ):
        raise BoxesError(
            f"{what} must be [left, top, right, bottom] in pixels, with left < right and "
            f"top < bottom, not {_quoted(box)}"
        )
    left, top, right, bottom = map(float, box)
    return left, top, right, bottom


def _rounded(x: float) -> float | int:
    return int(x) if x == int(x) else x


def _quoted(value: object) -> str:
    return reprlib.repr(value)
