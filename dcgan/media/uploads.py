"""Decoding of uploaded images, in memory only.

Memory is bounded: files that are too large are rejected by their header, at most `MAX_DECODERS`
files are decoded at the same time, and images are reduced to the size needed before any other copy
is made.
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
"""Largest number of pixels of an image; decoded, these take 160 MB."""
MAX_COSTLY_PIXELS = 16_000_000
"""Largest number of pixels of an image in a format that needs more memory to decode."""
COSTLY_FORMATS = ("WEBP", "AVIF", "TIFF")
"""Formats whose decoders hold several copies of an image: WebP's takes 16 bytes per pixel."""
MAX_SIDE = 12_000
"""Longest side in pixels; Pillow needs six times the memory for a row of 39 million pixels."""
MIN_SIDE = 8
"""Shortest side in pixels."""
MAX_DECODERS = 2
"""Number of files decoded at the same time."""
MAX_WAITING = 16
"""Number of files that may wait to be decoded; further ones are rejected."""
ROWS_AT_ONCE = 256
"""Number of rows of a decoded image that are converted and reduced at a time."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
READABLE_FORMATS = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


class UploadError(ValueError):
    """A file that can't be used; the message is a sentence for the visitor."""


class TooLargeError(UploadError):
    """An image with too many pixels."""


class BusyError(UploadError):
    """Too many files wait to be decoded."""


class NoFaceError(UploadError):
    """A photograph in which no face was found."""


def read_square_upload(content: bytes, size: int, channels: int) -> tuple[np.ndarray, list[str]]:
    """Decode an upload; return its `centre_square` at D's input size, and notes on the conversion.

    Raises the same exceptions as `open_upload`.
    """
    with open_upload(content, 4 * size, channels) as (image, notes):
        return centre_square(image, size), notes


def centre_square(image: Image.Image, size: int) -> np.ndarray:
    """Crop the middle square and resize it: (size, size, 3) uint8."""
    square = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square.convert("RGB"))


@contextmanager
def open_upload(
    content: bytes, least: int, channels: int
) -> Iterator[tuple[Image.Image, list[str]]]:
    """Decode an upload to 8 bits per channel, upright; yield the image and notes.

    The context holds one of `MAX_DECODERS` places, so that callers should reduce the image to the
    size they need and leave. least: images are reduced by an integer factor as long as no side gets
    shorter than this. channels: 3 for colour, 1 for greyscale. The notes are sentences about the
    conversion.

    Raises UploadError for a file that is not an image, is broken or has too short a side;
    TooLargeError for too many pixels or too long a side (checked in the header); BusyError if too
    many files are waiting.
    """
    with _pillow_errors():
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_size(image)
    with _decoders.place():
        # closing frees the pixels before the place is released, even if the image is referenced
        with _pillow_errors(), closing(image):
            decoded = _decoder_threads.submit(_to_8_bit, image, least, channels).result()
        yield decoded


def _check_size(image: Image.Image) -> None:
    """Check the size by the header, before any pixel is decoded. Raises UploadError."""
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
    """Map Pillow's errors to UploadError within this context."""
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
    except Exception as error:  # Pillow's decoders raise many types for broken files
        raise UploadError(
            f"This picture is broken or incomplete ({error}): give another copy of it."
        ) from None


class _Decoders:
    """Semaphore of `MAX_DECODERS` places with a bounded number of waiting threads."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MAX_DECODERS)
        self._waiting, self._lock = 0, threading.Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises BusyError at once if `MAX_WAITING` threads are waiting."""
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
# malloc keeps freed memory in the thread's arena: decode in two threads, not in forty workers
_decoder_threads = ThreadPoolExecutor(MAX_DECODERS, "decoder")


def _to_8_bit(image: Image.Image, least: int, channels: int) -> tuple[Image.Image, list[str]]:
    """Decode an image and convert it to 8 bits, reduced; also return notes.

    Conversion is by strips, so that there is never a second image of the full size.
    """
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
    """Yield (top, strip) of a decoded image from top to bottom; the last may have fewer rows."""
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _without_palette(strip: Image.Image) -> Image.Image:
    """Convert a strip to a mode that Pillow can reduce; transparency becomes an alpha channel."""
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
    """Return whether an image has greys of 16 or 32 bits or floating point values."""
    return image.mode.startswith(("I", "F"))


def _grey_extremes(image: Image.Image) -> tuple[float, float]:
    """Return the grey values that map to black and white.

    16 bits use their full range; 32 bits and floats have no natural range and use their extremes.
    """
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
