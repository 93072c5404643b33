"""Where faces look: the measure on points made by hand, the detector on a sample and on none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dcgan.latents.spec import Draw
from dcgan.models import checkpoint
from dcgan.rendering.engine import Model
from training.attributes.landmarks import Landmarks, yaw

WEIGHTS = Path(__file__).parents[3] / "weights" / "faces"


def face(nose: float) -> np.ndarray:
    """Sides of the face at x = 10 and 50, eyes at 20 and 40, the nose's tip where it is put."""
    points = np.full((68, 2), 30.0)
    points[0:4, 0], points[13:17, 0] = 10, 50
    points[36:42] = 20, 25
    points[42:48] = 40, 25
    points[30] = nose, 35
    return points


@pytest.mark.parametrize(("nose", "expected"), [(30, 0), (40, 0.5), (10, -1), (50, 1)])
def test_yaw_is_the_place_of_the_nose_between_the_sides(nose: float, expected: float) -> None:
    assert yaw(face(nose)) == pytest.approx(expected)


def test_yaw_does_not_change_with_size_place_and_tilt() -> None:
    angle = 0.4
    tilt = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = face(36)
    points[[0, 1, 2, 3, 13, 14, 15, 16], 1] = 25  # the sides, the eyes and the nose on one line
    points[30, 1] = 25
    assert yaw(3 * points @ tilt.T + 100) == pytest.approx(yaw(points))


def test_samples_and_their_mirror_images_look_to_opposite_sides() -> None:
    model = Model("faces", checkpoint.load(WEIGHTS))
    pictures = model.render([model.spec(Draw(0, index)) for index in range(12)])
    landmarks = Landmarks()
    here, there = landmarks.yaw(pictures), landmarks.yaw(pictures[:, :, ::-1].copy())
    assert np.isnan(here).sum() <= 2
    seen = ~np.isnan(here + there)
    assert np.corrcoef(here[seen], -there[seen])[0, 1] > 0.9


def test_a_picture_without_a_face_has_no_yaw() -> None:
    grey = np.full((1, 64, 64, 3), 128, np.uint8)
    assert Landmarks()(grey[0]) is None
    assert np.isnan(Landmarks().yaw(grey)).all()
