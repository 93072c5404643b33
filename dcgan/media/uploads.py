"""A file that somebody gives, as the networks see it; decoded in memory and never written.

Memory is bounded: files are refused by their header, at most `MAX_DECODERS` are decoded at the same
time, and what is larger than needed is reduced before anything else makes a copy of it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 40_000_000
"""Pixels of an image that is read: 160 MB decoded."""
MAX_SIDE = 12_000
"""Pixels of its longer side; a row of 39 million pixels takes Pillow six times its size."""
MAX_DECODERS = 2
"""Files that are decoded at the same time."""
MAX_WAITING = 16
"""Files that wait to be decoded; one more is rejected."""
ROWS_AT_ONCE = 256
"""Rows of deep greys that are scaled at the same time, in single precision."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
READABLE_FORMATS = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


class UploadError(ValueError):
    """What is wrong with a file, as a sentence."""


class TooLargeError(UploadError):
    """A file of more pixels than are read."""


class BusyError(UploadError):
    """Too many files wait to be decoded."""


class NoFaceError(UploadError):
    """A photograph without the face that was asked for."""


def read_square_upload(content: bytes, size: int, channels: int) -> tuple[np.ndarray, list[str]]:
    """The `centre_square` of an uploaded file as D sees it, and what had to be done to it.

    Raises as `read_upload`.
    """
    image, notes = read_upload(content, 4 * size, channels)
    return centre_square(image, size), notes


def centre_square(image: Image.Image, size: int) -> np.ndarray:
    """The middle square, (size, size, 3) uint8."""
    square = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square.convert("RGB"))


def read_upload(content: bytes, least: int, channels: int) -> tuple[Image.Image, list[str]]:
    """All of an uploaded file, upright, in colours or greys of 8 bits, and what had to be done.

    least: a large JPEG is decoded at a part of its size, if no side gets shorter than this. Raises
    UploadError for a file that is no picture or a broken one, TooLargeError (by its header)
    for one of too many pixels or too long a side, BusyError where too many others wait.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                raise TooLargeError(
                    f"This picture has {image.width:,} x {image.height:,} pixels, and at most "
                    f"{MAX_PIXELS // 10**6} million are read, {MAX_SIDE:,} along a side: give a "
                    "smaller copy."
                )
            with _decoders.place():
                return _to_8_bit(image, least, channels)
    except UploadError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooLargeError(
            f"This picture has far more than the {MAX_PIXELS // 10**6} million pixels that are "
            "read: give a smaller copy."
        ) from None
    except Image.UnidentifiedImageError:
        raise UploadError(
            f"This file is not a picture that can be read here, whatever its name says: give "
            f"{READABLE_FORMATS}."
        ) from None
    except Exception as error:  # what a broken file makes Pillow's decoders stumble over
        raise UploadError(
            f"This picture is broken or incomplete ({error}): give another copy of it."
        ) from None


class _Decoders:
    """Places for `MAX_DECODERS` threads; a few others wait."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MAX_DECODERS)
        self._waiting, self._lock = 0, threading.Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises BusyError at once where `MAX_WAITING` threads wait already."""
        if not self._places.acquire(blocking=False):
            with self._lock:
                if self._waiting >= MAX_WAITING:
                    raise BusyError(
                        "Many pictures are being read here just now: give yours again in a second."
                    )
                self._waiting += 1
            try:
                self._places.acquire()
            finally:
                with self._lock:
                    self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()


_decoders = _Decoders()


def _to_8_bit(image: Image.Image, least: int, channels: int) -> tuple[Image.Image, list[str]]:
    notes = []
    if getattr(image, "is_animated", False):
        notes.append("The file holds several pictures: this is the first of them.")
    image.draft(None, (least, least))
    if image.mode.startswith(("I", "F")):
        reduced = _from_deep_greys(image)
        reduced.info |= image.info
        notes.append("Its fine greys were reduced to 256.")
    elif image.mode in ("1", "P", "PA"):  # which Pillow can't reduce
        reduced = image.convert("RGBA" if image.has_transparency_data else "RGB")
    else:
        reduced = image
    if (factor := min(reduced.size) // least) > 1:
        reduced = reduced.reduce(factor)
    upright = ImageOps.exif_transpose(reduced)
    if upright.has_transparency_data:
        see_through = upright.convert("RGBA")
        upright = Image.new("RGBA", see_through.size, "white")
        upright.alpha_composite(see_through)
        notes.append("What is transparent in it is white here.")
    return upright.convert("RGB" if channels == 3 else "L"), notes


def _from_deep_greys(image: Image.Image) -> Image.Image:
    """16 bits by their full range; 32 bits and fractions, which have none, by their extremes."""
    values = np.asarray(image)
    parts = range(0, len(values), ROWS_AT_ONCE)

    def part(start: int) -> np.ndarray:
        return np.nan_to_num(values[start : start + ROWS_AT_ONCE].astype(np.float32))

    low, high = 0.0, 65535.0
    if not image.mode.startswith("I;16"):
        low = min(float(part(start).min()) for start in parts)
        high = max(float(part(start).max()) for start in parts)
    scaled = np.empty(values.shape, np.uint8)
    for start in parts:
        scaled[start : start + ROWS_AT_ONCE] = np.rint(
            (part(start) - low) * (255 / max(high - low, 1e-9))
        )
    return Image.fromarray(scaled)
