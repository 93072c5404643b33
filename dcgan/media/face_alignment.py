"""Face detection and alignment with OpenCV's cascades, which the paper used for its 350,000 faces.

The paper names neither cascade nor margin. A single cascade has false positives such as ties and
curtains. Here three cascades vote: a face is a box that at least two of them find. If any box of a
photograph is found by all three, only such boxes are kept.
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
"""OpenCV's eye cascades, named from the person's point of view (the right eye is at the left)."""
CASCADE_SCALE, CASCADE_NEIGHBOURS = 1.1, 3
"""scaleFactor and minNeighbors of OpenCV's detectMultiScale."""
MAX_OVERLAP = 0.3
"""Intersection over union above which two boxes belong to the same face."""
IRIS_HEIGHT = 0.68
"""Relative height of the iris in an eye's box, which includes the brow (measured on 88 eyes)."""
MAX_DETECTION_SIDE = 1024
"""Size to which larger photographs are reduced for detection."""
LEFT_EYE, RIGHT_EYE = (0.336, 0.415), (0.664, 0.415)
"""Positions (x, y) of the eyes in an aligned image, as shares of its side; left in the image."""
EXPECTED_EYES = (0.313, 0.402), (0.687, 0.402)
"""Positions of the eyes in a face's box: the median of 59 portraits with detected eyes."""
MIN_DETECTED_SIDE = 20
"""Side in pixels of the smallest face that the cascades detect."""
MIN_FACE_SIDE = 32
"""Value of `smallest` for uploads; faces with a side of at least half of it are found."""


class Box(NamedTuple):
    """Upper left corner and side of a square, in pixels."""

    x: float
    y: float
    side: float


def align_largest_face(photograph: Image.Image, size: int) -> tuple[np.ndarray, list[str]] | None:
    """Return the largest face of a photograph, aligned like the training data, and notes.

    The face is (size, size, 3) uint8; the notes are sentences about the conversion. Returns None if
    no face is found. If the eyes are not found, `EXPECTED_EYES` are used.
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
    """Detect faces in a greyscale photograph (H, W) uint8.

    Finds faces down to half of `smallest`, so that the caller can report faces as too small.
    """
    scale = min(1.0, MAX_DETECTION_SIDE / max(grey.shape))
    if scale * min(grey.shape) < MIN_DETECTED_SIDE:
        return []  # too narrow for any face, and OpenCV can't resize a side to 0 pixels
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
    """Return (x, y) of the eyes in a face's box, the one at the left of the image first.

    Each eye is searched for in its upper quarter of the box. Returns None if one is missing, or if
    the pair is not that of an upright face (too close together or tilted by 25 degrees or more).
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
    """Return corner and upper edge of the square that puts the eyes at `LEFT_EYE`, `RIGHT_EYE`."""
    vector = (right - left) / (RIGHT_EYE[0] - LEFT_EYE[0])
    down = np.array([-vector[1], vector[0]])
    return left - LEFT_EYE[0] * vector - LEFT_EYE[1] * down, vector


def sample_square(
    photograph: Image.Image, corner: np.ndarray, vector: np.ndarray, size: int
) -> Image.Image:
    """Sample the square with this upper left corner and upper edge as an image of size x size.

    Pixels outside the photograph repeat its border.
    """
    # supersample and average where the photograph has more pixels than the result
    finer = max(1, math.ceil(float(np.hypot(*vector)) / size))
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
    """Return the intersection over union of two boxes."""
    width = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    height = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    both = max(width, 0) * max(height, 0)
    return both / (a.side**2 + b.side**2 - both)


def _search(name: str, grey: np.ndarray, step: float, least: int) -> Sequence[Sequence[int]]:
    """Return (x, y, width, height) of a cascade's detections with sides of at least `least`."""
    with _searching:  # a classifier holds the current image, so threads must not share it
        return _cascade(name).detectMultiScale(
            grey, step, CASCADE_NEIGHBOURS, minSize=(least, least)
        )


_searching = threading.Lock()


@functools.cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    cv2.setNumThreads(1)  # callers run in parallel already
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")  # pyright: ignore[reportAttributeAccessIssue]  (a module without types)
