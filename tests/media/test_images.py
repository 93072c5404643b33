"""Arrays to pictures and back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from dcgan.config import Output
from dcgan.media import images
from dcgan.media.images import encode_jpeg, encode_png, from_uint8, make_grid, read_spec, to_uint8

TEXT = "v1:faces@0123abcd:z(1,0):gain(1,0,2-5)"
RANGES: list[tuple[Output, float]] = [("tanh", -1), ("sigmoid", 0)]


def decode(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def scene(height: int, width: int) -> np.ndarray:
    """A smooth picture, (H, W, 3), in which no place is like another."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 / width, y * 255 / height, 255 - x * 255 / width], -1).astype(np.uint8)


@pytest.mark.parametrize(("output", "low"), RANGES)
def test_the_networks_range_becomes_bytes_and_comes_back(output: Output, low: float) -> None:
    every = np.arange(256, dtype=np.uint8)
    floats = from_uint8(every, output)
    assert floats.dtype == np.float32
    assert (floats[0], floats[-1]) == (low, 1)
    pictures = to_uint8(floats.reshape(1, 1, 16, 16), output)
    assert pictures.shape == (1, 16, 16, 3)
    assert pictures.dtype == np.uint8
    assert (pictures == every.reshape(1, 16, 16, 1)).all(), "grey gets three channels"
    assert pictures.flags.c_contiguous


@pytest.mark.parametrize(("output", "low"), RANGES)
def test_values_are_rounded_and_limited(output: Output, low: float) -> None:
    level = (1 - low) / 255
    values = np.array([low - 1, low + 0.4 * level, low + 0.6 * level, 1 - 0.4 * level, 2])
    assert to_uint8(values.reshape(1, 1, 1, 5), output)[0, 0, :, 0].tolist() == [0, 0, 1, 255, 255]


def test_channels_come_last_in_their_order() -> None:
    picture = np.zeros((1, 3, 2, 2), np.float32)
    picture[0, 0, 0, 1] = 1
    picture[0, 2, 1, 0] = -1
    pixels = to_uint8(picture, "tanh")[0]
    assert pixels[0, 1].tolist() == [255, 128, 128]
    assert pixels[1, 0].tolist() == [128, 128, 0]


def test_a_grid_is_filled_row_by_row() -> None:
    pictures = np.stack([np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30, 40, 50)])
    sheet = make_grid(pictures)
    assert sheet.shape == (4, 9, 3), "2 rows of 3"
    assert sheet[::2, ::3, 0].tolist() == [[10, 20, 30], [40, 50, 0]]
    assert make_grid(pictures, columns=5)[::2, ::3, 0].tolist() == [[10, 20, 30, 40, 50]]
    assert make_grid(pictures, columns=1).shape == (10, 3, 3)
    assert (make_grid(pictures[:1]) == pictures[0]).all()


def test_a_grid_keeps_every_picture_whole() -> None:
    pictures = np.stack([scene(4, 5), scene(4, 5)[::-1], scene(4, 5)[:, ::-1], 255 - scene(4, 5)])
    sheet = make_grid(pictures)
    assert (sheet[:4, :5] == pictures[0]).all()
    assert (sheet[:4, 5:] == pictures[1]).all()
    assert (sheet[4:, :5] == pictures[2]).all()
    assert (sheet[4:, 5:] == pictures[3]).all()


def test_a_png_is_exact_and_carries_its_text() -> None:
    picture = scene(16, 24)
    assert (decode(encode_png(picture, TEXT)) == picture).all()
    assert read_spec(encode_png(picture, TEXT)) == TEXT
    assert encode_png(picture, TEXT) == encode_png(picture, TEXT)
    with Image.open(io.BytesIO(encode_png(picture, TEXT))) as image:
        assert image.info == {images.SPEC_KEY: TEXT}


def test_pictures_without_a_text_have_none() -> None:
    picture = scene(16, 24)
    assert read_spec(encode_png(picture)) is None
    assert read_spec(encode_jpeg(picture)) is None


def test_a_jpeg_is_close() -> None:
    picture = scene(64, 64)
    difference = np.abs(decode(encode_jpeg(picture)).astype(int) - picture)
    assert difference.mean() < 2
    assert difference.max() < 16
    assert len(encode_jpeg(picture, 50)) < len(encode_jpeg(picture))
