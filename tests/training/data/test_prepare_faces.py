"""Faces cut out of photographs: real portraits, their subject in the middle of each."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.media.face_alignment import LEFT_EYE, RIGHT_EYE, Box, detect_faces, find_eyes
from training.attributes.landmarks import EYE_LEFT, EYE_RIGHT, Landmarks
from training.data.prepare.faces import FaceCropper
from training.data.prepare.images import encode_image

SIDE = 250


@pytest.fixture(scope="module")
def portraits(shared: Path) -> list[Path]:
    return sorted((shared / "data" / "photos").glob("*.jpg"))


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def right(portrait: Path) -> bool:
    """Whether it gives one face, round the middle, that fills a fair part of the photograph."""
    found = detect_faces(np.asarray(Image.open(portrait).convert("L")), 64)
    faces, _ = FaceCropper(64, 64)(portrait.read_bytes())
    x, y, side = found[0] if len(found) == 1 else (0, 0, 0)
    round_middle = x < SIDE / 2 < x + side and y < SIDE / 2 < y + side
    return len(faces) == 1 and round_middle and 0.2 < side / SIDE < 0.7


def test_most_portraits_give_one_right_face(portraits: list[Path]) -> None:
    assert sum(map(right, portraits[:40])) >= 36


@pytest.mark.long
def test_of_all_portraits_nineteen_in_twenty_do(portraits: list[Path]) -> None:
    assert len(portraits) == 300
    assert sum(map(right, portraits)) >= 0.95 * len(portraits)


def test_each_kind_of_photograph_is_counted(portraits: list[Path]) -> None:
    content = portraits[0].read_bytes()
    photograph = opened(content)
    two = Image.new("RGB", (2 * SIDE, SIDE))
    two.paste(photograph, (0, 0))
    two.paste(opened(portraits[3].read_bytes()), (SIDE, 0))
    faces = FaceCropper(64, 64)
    assert faces(content)[1] == "one face"
    cut, outcome = faces(encode_image(two))
    assert (len(cut), outcome) == (2, "several faces")
    assert len(FaceCropper(64, 64, largest=True)(encode_image(two))[0]) == 1
    assert faces(encode_image(photograph.resize((120, 120)))) == ([], "small")
    assert faces(encode_image(Image.new("RGB", (SIDE, SIDE), "grey"))) == ([], "no face")
    assert faces(content[:1000]) == ([], "unreadable")


def test_a_large_photograph_gives_the_same_face(portraits: list[Path]) -> None:
    photograph = opened(portraits[0].read_bytes())
    large = photograph.resize((8 * SIDE, 8 * SIDE), Image.Resampling.BICUBIC)
    [found], [larger] = (detect_faces(np.asarray(p.convert("L")), 64) for p in (photograph, large))
    np.testing.assert_allclose(np.array(larger) / 8, found, atol=5)
    [[small], [same]] = (FaceCropper(64, 64)(encode_image(p))[0] for p in (photograph, large))
    difference = np.asarray(opened(small)).astype(float) - np.asarray(opened(same))
    assert np.abs(difference).mean() < 12


def test_aligned_eyes_lie_where_they_should_also_of_tilted_heads(portraits: list[Path]) -> None:
    landmarks, off = Landmarks(), []
    for number, portrait in enumerate(portraits[:12]):
        angle = (-12, 0, 12)[number % 3]
        tilted = opened(portrait.read_bytes()).rotate(angle, Image.Resampling.BICUBIC)
        for face in FaceCropper(128, 64, aligned=True)(encode_image(tilted))[0]:
            points = landmarks(np.asarray(opened(face).resize((64, 64), Image.Resampling.BOX)))
            if points is not None:
                eyes = points[EYE_LEFT].mean(0), points[EYE_RIGHT].mean(0)
                off.append(np.array(eyes) / 64 - (LEFT_EYE, RIGHT_EYE))
    assert len(off) >= 6
    assert np.abs(np.median(off, axis=0)).max() < 0.03
    assert np.median(np.abs(off)) < 0.03


def test_no_eyes_are_found_where_there_are_none() -> None:
    grey = np.full((100, 100), 128, np.uint8)
    assert find_eyes(grey, Box(10, 10, 80)) is None
