"""A file that somebody gives, as the networks see it; decoded in memory and never written."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 40_000_000  # 160 MB decoded
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
READABLE_FORMATS = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


class UploadError(ValueError):
    """What is wrong with a file, as a sentence."""


class TooLargeError(UploadError):
    """A file of more pixels than are read."""


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
    for one of too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise TooLargeError(
                    f"This picture has {image.width:,} x {image.height:,} pixels, and at most "
                    f"{MAX_PIXELS // 10**6} million are read: give a smaller copy."
                )
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


def _to_8_bit(image: Image.Image, least: int, channels: int) -> tuple[Image.Image, list[str]]:
    notes = []
    if getattr(image, "is_animated", False):
        notes.append("The file holds several pictures: this is the first of them.")
    image.draft(None, (least, least))
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        upright = _from_deep_greys(upright)
        notes.append("Its fine greys were reduced to 256.")
    if upright.has_transparency_data:
        see_through = upright.convert("RGBA")
        upright = Image.new("RGBA", see_through.size, "white")
        upright.alpha_composite(see_through)
        notes.append("What is transparent in it is white here.")
    return upright.convert("RGB" if channels == 3 else "L"), notes


def _from_deep_greys(image: Image.Image) -> Image.Image:
    """16 bits by their full range; 32 bits and fractions, which have none, by their extremes."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    low, high = (0, 65535) if image.mode.startswith("I;16") else (values.min(), values.max())
    scaled = (values - low) * (255 / max(float(high - low), 1e-9))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))
