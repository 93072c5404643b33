"""Conversion of arrays to images: value ranges, grids, encoded files with specs as metadata."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dcgan.config import Output

SPEC_KEY = "dcgan"


def to_uint8(pictures: np.ndarray, output: Output) -> np.ndarray:
    """Convert (N, C, H, W) in the network's output range to (N, H, W, 3) uint8.

    Greyscale images get three channels.
    """
    low, high = (-1.0, 1.0) if output == "tanh" else (0.0, 1.0)
    scaled = (pictures.astype(np.float32) - low) * (255 / (high - low))
    pixels = np.clip(np.rint(scaled), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))


def from_uint8(pictures: np.ndarray, output: Output) -> np.ndarray:
    """Convert uint8 images of any layout to float32 in the network's output range."""
    scaled = pictures.astype(np.float32)
    return scaled / 127.5 - 1 if output == "tanh" else scaled / 255


def make_grid(pictures: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Arrange images (N, H, W, 3) uint8 in a grid, row by row; about square by default."""
    count, height, width, channels = pictures.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows * columns, height, width, channels), np.uint8)
    sheet[:count] = pictures
    sheet = sheet.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return sheet.reshape(rows * height, columns * width, channels)


def frame_differences(frames: np.ndarray) -> np.ndarray:
    """Return the root mean square differences of consecutive frames, in grey levels of 255.

    frames: (N, H, W, C). Returns (N - 1,).
    """
    change = np.diff(frames.astype(np.float32), axis=0)
    return np.sqrt((change**2).mean(axis=(1, 2, 3)))


def enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge (H, W, 3) to (scale H, scale W, 3) by repeating pixels."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def encode_png(picture: np.ndarray, spec: str | None = None) -> bytes:
    """Encode (H, W, 3) uint8 as PNG, with the spec in its metadata if given."""
    info = PngInfo()
    if spec is not None:
        info.add_text(SPEC_KEY, spec)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def encode_jpeg(picture: np.ndarray, quality: int = 92) -> bytes:
    """Encode (H, W, 3) uint8 as JPEG without chroma subsampling.

    At 512x512 it is 15 times faster than WebP.
    """
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def read_spec(png: bytes) -> str | None:
    """Return the spec that `encode_png` wrote into the metadata, or None."""
    with Image.open(io.BytesIO(png)) as image:
        return image.info.get(SPEC_KEY)
