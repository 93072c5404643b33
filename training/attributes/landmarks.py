"""Head yaw from 68 facial landmarks, with dlib's detector and predictor (300-W, iBUG).

Both models come with Python packages, so that nothing is downloaded. `python -m training run turn`
measures their accuracy on photographs and samples.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

ENLARGEMENT = 4
"""Factor by which images are enlarged: the detector finds faces of at least 80 pixels."""
DETECTION_THRESHOLD = -0.5
"""Score threshold of the detector; lower than its default of 0, because all images show a face."""
JAW_LEFT, JAW_RIGHT, NOSE_TIP, EYE_LEFT, EYE_RIGHT = (
    slice(0, 4), slice(13, 17), 30, slice(36, 42), slice(42, 48),
)  # fmt: skip


class Landmarks:
    """Landmark predictor: image (H, W, 3) uint8 -> (68, 2), x and y in pixels, or None if no face
    is found."""

    def __init__(self) -> None:
        import dlib

        self._detector = dlib.get_frontal_face_detector()  # pyright: ignore[reportAttributeAccessIssue]  (compiled, without types)
        self._predictor = dlib.shape_predictor(str(_model()))  # pyright: ignore[reportAttributeAccessIssue]

    def __call__(self, picture: np.ndarray) -> np.ndarray | None:
        height, width, _ = picture.shape
        size = (width * ENLARGEMENT, height * ENLARGEMENT)
        large = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
        faces, scores, _ = self._detector.run(large, 0, DETECTION_THRESHOLD)
        if not faces:
            return None
        points = self._predictor(large, faces[int(np.argmax(scores))]).parts()
        return np.array([(point.x, point.y) for point in points]) / ENLARGEMENT

    def yaw(self, pictures: np.ndarray) -> np.ndarray:
        """Return the `yaw` of each image (N, H, W, 3) uint8 as (N,); NaN where no face is found."""
        found = [self(picture) for picture in pictures]
        return np.array([np.nan if points is None else yaw(points) for points in found])


def yaw(points: np.ndarray) -> float:
    """Return the position of the nose tip between the sides of the jaw, along the line of the eyes.

    -1: at the left side in the image; 0: in the middle (frontal face); 1: at the right side.
    """
    along = points[EYE_RIGHT].mean(axis=0) - points[EYE_LEFT].mean(axis=0)
    places = points @ (along / np.linalg.norm(along))
    left, right, nose = places[JAW_LEFT].mean(), places[JAW_RIGHT].mean(), places[NOSE_TIP]
    return float((2 * nose - left - right) / (right - left))


def _model() -> Path:
    """Return the predictor's file without importing its package.

    The package imports pkg_resources, which setuptools no longer has.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "landmarks need the package face_recognition_models: install requirements-train.txt"
        )
    folder = Path(spec.submodule_search_locations[0])
    return folder / "models" / "shape_predictor_68_face_landmarks.dat"
