"""Face crops of photographs, found by dcgan.media.face_alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from dcgan.media.face_alignment import Box, alignment_frame, detect_faces, find_eyes, sample_square
from training.data.prepare.images import UNREADABLE, encode_image, read_image


@dataclass(frozen=True)
class FaceCropper:
    """Crops the faces of an encoded photograph; returns them, each size x size, and the outcome.

    smallest: smallest side of a face's box in pixels of the photograph. margin: added on each side
    of a box, as a share of its side. aligned: rotate and scale by the eyes, to `LEFT_EYE` and
    `RIGHT_EYE` of media.face_alignment, instead of cropping the box; faces without detected eyes
    are left out. largest: crop the largest face of a photograph only.
    """

    size: int
    smallest: int
    margin: float = 0.1
    aligned: bool = False
    largest: bool = False

    def __call__(self, content: bytes) -> tuple[list[bytes], str]:
        photograph = read_image(content)
        if photograph is None:
            return [], UNREADABLE
        grey = np.asarray(photograph.convert("L"))
        found = detect_faces(grey, self.smallest)
        if not found:
            return [], "no face"
        boxes = [box for box in found if box.side >= self.smallest]
        if not boxes:
            return [], "small"
        outcome = "one face" if len(boxes) == 1 else "several faces"
        chosen = [max(boxes, key=lambda box: box.side)] if self.largest else boxes
        cut = [self._cut(photograph, grey, box) for box in chosen]
        faces = [encode_image(face) for face in cut if face is not None]
        return faces, outcome if faces else "no eyes"

    def _cut(self, photograph: Image.Image, grey: np.ndarray, box: Box) -> Image.Image | None:
        corner, vector = np.array([box.x, box.y]) - self.margin * box.side, np.array([1.0, 0.0])
        vector *= box.side * (1 + 2 * self.margin)
        if self.aligned:
            eyes = find_eyes(grey, box)
            if eyes is None:
                return None
            corner, vector = alignment_frame(*eyes)
        return sample_square(photograph, corner, vector, self.size)
