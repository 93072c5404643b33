"""A file that somebody gives, as a discriminator sees it; decoded in memory and never written."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 40_000_000  # 160 MB decoded
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
READABLE = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"


class PhotographError(ValueError):
    """What is wrong with a file, as a sentence."""


class TooLargeError(PhotographError):
    """A file of more pixels than are read."""


def read_photograph(content: bytes, size: int, channels: int) -> tuple[np.ndarray, list[str]]:
    """An uploaded file as D sees it: (size, size, 3) uint8, and what had to be done to it.

    The middle square, upright, as colours or greys of 8 bits. Raises PhotographError for a file
    that is no picture or a broken one, TooLargeError (by its header) for one of too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=KINDS) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise TooLargeError(
                    f"This picture has {image.width:,} x {image.height:,} pixels, and at most "
                    f"{MAX_PIXELS // 10**6} million are read: give a smaller copy."
                )
            return _as_seen(image, size, channels)
    except PhotographError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooLargeError(
            f"This picture has far more than the {MAX_PIXELS // 10**6} million pixels that are "
            "read: give a smaller copy."
        ) from None
    except Image.UnidentifiedImageError:
        raise PhotographError(
            f"This file is not a picture that can be read here, whatever its name says: give "
            f"{READABLE}."
        ) from None
    except Exception as error:  # what a broken file makes Pillow's decoders stumble over
        raise PhotographError(
            f"This picture is broken or incomplete ({error}): give another copy of it."
        ) from None


def _as_seen(image: Image.Image, size: int, channels: int) -> tuple[np.ndarray, list[str]]:
    notes = []
    if getattr(image, "is_animated", False):
        notes.append("The file holds several pictures: this is the first of them.")
    image.draft(None, (4 * size, 4 * size))  # a large JPEG is decoded at a part of its size
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        upright = _from_deep_greys(upright)
        notes.append("Its fine greys were reduced to 256.")
    if upright.has_transparency_data:
        see_through = upright.convert("RGBA")
        upright = Image.new("RGBA", see_through.size, "white")
        upright.alpha_composite(see_through)
        notes.append("What is transparent in it is white here.")
    plain = upright.convert("RGB" if channels == 3 else "L")
    square = ImageOps.fit(plain, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square.convert("RGB")), notes


def _from_deep_greys(image: Image.Image) -> Image.Image:
    """16 bits by their full range; 32 bits and fractions, which have none, by their extremes."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    low, high = (0, 65535) if image.mode.startswith("I;16") else (values.min(), values.max())
    scaled = (values - low) * (255 / max(float(high - low), 1e-9))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))
