"""A file that somebody gives, as the networks see it; decoded in memory and never written.

Memory is bounded: files are refused by their header, at most `MAX_DECODERS` are decoded at the same
time, and what is larger than needed is reduced before anything else makes a copy of it.
"""

from __future__ import annotations

import functools
import io
import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 40_000_000
"""Pixels of an image that is read: 160 MB decoded."""
MAX_COSTLY_PIXELS = 16_000_000
"""Pixels of an image that takes several times its size to decode."""
COSTLY_FORMATS = ("WEBP", "AVIF", "TIFF")
"""Formats whose decoders hold several copies of an image: WebP's takes 16 bytes a pixel."""
MAX_SIDE = 12_000
"""Pixels of its longer side; a row of 39 million pixels takes Pillow six times its size."""
MIN_SIDE = 8
"""Pixels of its shorter side; in less there is nothing to see."""
MAX_DECODERS = 2
"""Files that are decoded at the same time."""
MAX_WAITING = 16
"""Files that wait to be decoded; one more is rejected."""
ROWS_AT_ONCE = 256
"""Rows of a decoded image that are converted and reduced at the same time."""
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

    Raises as `open_upload`.
    """
    with open_upload(content, 4 * size, channels) as (image, notes):
        return centre_square(image, size), notes


def centre_square(image: Image.Image, size: int) -> np.ndarray:
    """The middle square, (size, size, 3) uint8."""
    square = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square.convert("RGB"))


@contextmanager
def open_upload(
    content: bytes, least: int, channels: int
) -> Iterator[tuple[Image.Image, list[str]]]:
    """All of an uploaded file, upright, in colours or greys of 8 bits, and what had to be done.

    Within it one of `MAX_DECODERS` places is taken: make the image as small as it is needed, and
    leave. least: the image is decoded and reduced to a part of its size, if no side gets shorter
    than this. Raises UploadError for a file that is no picture, a broken one or one of too short a
    side, TooLargeError for one of too many pixels or too long a side (both by its header), and
    BusyError where too many others wait.
    """
    with _pillow_errors():
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_size(image)
    with _decoders.place():
        # its pixels are freed before the place is, whoever still refers to the image
        with _pillow_errors(), closing(image):
            decoded = _decoder_threads.submit(_to_8_bit, image, least, channels).result()
        yield decoded


def _check_size(image: Image.Image) -> None:
    """By its header alone, before a pixel is decoded."""
    costly = image.format in COSTLY_FORMATS or _has_deep_greys(image)
    most = MAX_COSTLY_PIXELS if costly else MAX_PIXELS
    if image.width * image.height > most or max(image.size) > MAX_SIDE:
        raise TooLargeError(
            f"This picture has {image.width:,} x {image.height:,} pixels, and at most "
            f"{MAX_PIXELS // 10**6} million are read ({MAX_COSTLY_PIXELS // 10**6} million of "
            f"{', '.join(COSTLY_FORMATS)} and fine greys), {MAX_SIDE:,} along a side: give a "
            "smaller copy."
        )
    if min(image.size) < MIN_SIDE:
        raise UploadError(
            f"This picture has {image.width:,} x {image.height:,} pixels, and each side needs at "
            f"least {MIN_SIDE}: give a larger one."
        )


@contextmanager
def _pillow_errors() -> Iterator[None]:
    """Within it Pillow reads a file; what is wrong with that is an UploadError."""
    try:
        yield
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
# malloc keeps what a thread has freed for that thread: let these two keep it, not forty workers
_decoder_threads = ThreadPoolExecutor(MAX_DECODERS, "decoder")


def _to_8_bit(image: Image.Image, least: int, channels: int) -> tuple[Image.Image, list[str]]:
    """Converted in strips: beside the decoded image there is never another one of its size."""
    notes = []
    if getattr(image, "is_animated", False):
        notes.append("The file holds several pictures: this is the first of them.")
    image.draft(None, (least, least))
    image.load()
    if _has_deep_greys(image):
        notes.append("Its fine greys were reduced to 256.")
        to_colours = functools.partial(_scale_greys, extremes=_grey_extremes(image))
    else:
        to_colours = _without_palette
        if image.has_transparency_data:
            notes.append("What is transparent in it is white here.")
    factor = max(1, min(image.size) // least)
    reduced = Image.new(
        "RGB" if channels == 3 else "L", [math.ceil(side / factor) for side in image.size]
    )
    for top, strip in _strips(image, factor * math.ceil(ROWS_AT_ONCE / factor)):
        small = _on_white(to_colours(strip).reduce(factor))
        reduced.paste(small.convert(reduced.mode), (0, top // factor))
    reduced.info = {name: value for name, value in image.info.items() if name != "transparency"}
    ImageOps.exif_transpose(reduced, in_place=True)
    return reduced, notes


def _strips(image: Image.Image, rows: int) -> Iterator[tuple[int, Image.Image]]:
    """(top, strip) from the top of a decoded image to its end; the last may have fewer rows."""
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _without_palette(strip: Image.Image) -> Image.Image:
    """In a mode that Pillow can reduce, with what is transparent as a channel."""
    if strip.mode in ("1", "P", "PA") or "transparency" in strip.info:
        return strip.convert("RGBA" if strip.has_transparency_data else "RGB")
    return strip


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    see_through = image.convert("RGBA")
    opaque = Image.new("RGBA", see_through.size, "white")
    opaque.alpha_composite(see_through)
    return opaque


def _has_deep_greys(image: Image.Image) -> bool:
    """Greys of 16 or 32 bits, or fractions."""
    return image.mode.startswith(("I", "F"))


def _grey_extremes(image: Image.Image) -> tuple[float, float]:
    """16 bits have their full range; 32 bits and fractions, which have none, their extremes."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    low, high = math.inf, -math.inf
    for _, strip in _strips(image, ROWS_AT_ONCE):
        part = _finite_greys(strip)
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    return low, high


def _finite_greys(strip: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(strip).astype(np.float32))


def _scale_greys(strip: Image.Image, extremes: tuple[float, float]) -> Image.Image:
    low, high = extremes
    scaled = np.rint((_finite_greys(strip) - low) * (255 / max(high - low, 1e-9)))
    return Image.fromarray(scaled.astype(np.uint8))
