"""Faces in photographs, found by OpenCV's cascades, as the paper made its set of 350,000.

The paper names neither cascade nor margin. One cascade alone finds faces in ties and curtains;
here three look, and a face is what at least two of them see at the same place. Beside a face that
all three see, another one has to be seen by all three, too.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

CASCADES = ("frontalface_default", "frontalface_alt", "frontalface_alt2")
EYE_CASCADES = ("lefteye_2splits", "righteye_2splits")
"""As OpenCV names them: of the one whose eyes these are; his right eye lies left in the picture."""
CASCADE_SCALE, CASCADE_NEIGHBOURS = 1.1, 3
"""Steps of the search, and how many neighbouring hits make a box."""
MAX_OVERLAP = 0.3
"""Boxes that share so much of their union are of one face."""
IRIS_HEIGHT = 0.68
"""Where in the height of what they find the eye lies: the brow is in it (measured, 88 eyes)."""
MAX_DETECTION_SIDE = 1024
"""Larger photographs are searched at this size."""
LEFT_EYE, RIGHT_EYE = (0.336, 0.415), (0.664, 0.415)
"""Where eyes come to lie when aligned, as shares of the side, seen from the front."""
EXPECTED_EYES = (0.313, 0.402), (0.687, 0.402)
"""Where they lie in a box: the median of 59 portraits in which they are found."""
MIN_DETECTED_SIDE = 20
"""Side of the smallest face that the cascades find, in pixels of what is searched."""
MIN_FACE_SIDE = 32
"""Side of a face that is cut out for somebody, in pixels."""


class Box(NamedTuple):
    """Corner and side of a square, in pixels."""

    x: float
    y: float
    side: float


def align_largest_face(photograph: Image.Image, size: int) -> tuple[np.ndarray, list[str]] | None:
    """The largest face of a photograph, aligned as faces are to train on, (size, size, 3) uint8,
    and what had to be done to it; None where no face is found.

    Where the eyes are not found, they are taken to lie where they usually do.
    """
    grey = np.asarray(photograph.convert("L"))
    found = detect_faces(grey, MIN_FACE_SIDE)
    if not found:
        return None
    box, notes = max(found, key=lambda box: box.side), []
    if len(found) > 1:
        notes.append(f"Of {len(found)} faces in it this is the largest.")
    eyes = find_eyes(grey, box)
    if eyes is None:
        notes.append("The eyes were not found: it is cut by the outline of the face.")
        left, right = (np.add(box[:2], np.multiply(box.side, eye)) for eye in EXPECTED_EYES)
        eyes = left, right
    corner, vector = alignment_frame(*eyes)
    if float(np.hypot(*vector)) < size:
        notes.append("The face is small in it, so it is enlarged here.")
    return np.asarray(sample_square(photograph.convert("RGB"), corner, vector, size)), notes


def detect_faces(grey: np.ndarray, smallest: int) -> list[Box]:
    """Faces in a photograph (H, W) uint8, down to half of `smallest`, so that these can be told."""
    scale = min(1.0, MAX_DETECTION_SIDE / max(grey.shape))
    if scale * min(grey.shape) < MIN_DETECTED_SIDE:
        return []  # a strip too thin for any face, of which OpenCV can't make a smaller one
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    least = max(MIN_DETECTED_SIDE, int(scale * smallest / 2))
    groups: list[dict[str, Box]] = []
    for name in CASCADES:
        for x, y, side, _ in _search(name, grey, CASCADE_SCALE, least):
            box = Box(x, y, side)
            for group in groups:
                if _intersection_over_union(box, next(iter(group.values()))) > MAX_OVERLAP:
                    group.setdefault(name, box)
                    break
            else:
                groups.append({name: box})
    agreed = max(map(len, groups), default=0)
    if agreed < 2:
        return []
    kept = [list(group.values()) for group in groups if len(group) == agreed]
    return [Box(*(np.mean(boxes, axis=0) / scale)) for boxes in kept]


def find_eyes(grey: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray] | None:
    """(x, y) of the eye that lies left in the picture, then of the other; None if one is missing.

    Each is searched for in its quarter of the box; a pair that no upright face has is no pair.
    """
    found = []
    for column, name in enumerate(reversed(EYE_CASCADES)):
        x, y = round(box.x + column * box.side / 2), round(box.y + 0.15 * box.side)
        part = grey[max(y, 0) : y + round(0.45 * box.side), max(x, 0) : x + round(box.side / 2)]
        least = max(8, round(box.side / 8))
        hits = _search(name, part, 1.05, least)
        if not len(hits):
            return None
        left, top, width, height = max(hits, key=lambda hit: hit[2])
        found.append(
            np.array([max(x, 0) + left + width / 2, max(y, 0) + top + IRIS_HEIGHT * height])
        )
    across, down = found[1] - found[0]
    upright = 0.25 * box.side < across and abs(down) < math.tan(math.radians(25)) * across
    return (found[0], found[1]) if upright else None


def alignment_frame(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper left corner and upper side of the square in which eyes lie where they should."""
    vector = (right - left) / (RIGHT_EYE[0] - LEFT_EYE[0])
    down = np.array([-vector[1], vector[0]])
    return left - LEFT_EYE[0] * vector - LEFT_EYE[1] * down, vector


def sample_square(
    photograph: Image.Image, corner: np.ndarray, vector: np.ndarray, size: int
) -> Image.Image:
    """The square on the right of a vector, in pixels; its edge continues what lies outside."""
    finer = max(1, math.ceil(float(np.hypot(*vector)) / size))  # pixels of it are averaged
    across = vector / (size * finer)
    matrix = np.array([[across[0], -across[1], corner[0]], [across[1], across[0], corner[1]]])
    drawn = cv2.warpAffine(
        np.asarray(photograph),
        matrix,
        (size * finer, size * finer),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Image.fromarray(drawn).reduce(finer)


def _intersection_over_union(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    height = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    both = max(width, 0) * max(height, 0)
    return both / (a.side**2 + b.side**2 - both)


def _search(name: str, grey: np.ndarray, step: float, least: int) -> Sequence[Sequence[int]]:
    """(x, y, width, height) of what a cascade finds, from sides of `least` pixels on."""
    with _searching:  # a classifier keeps the image it is at, so threads must not share it
        return _cascade(name).detectMultiScale(
            grey, step, CASCADE_NEIGHBOURS, minSize=(least, least)
        )


_searching = threading.Lock()


@functools.cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    cv2.setNumThreads(1)  # the processes are many
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")  # pyright: ignore[reportAttributeAccessIssue]  (a module without types)
