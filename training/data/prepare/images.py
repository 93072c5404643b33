"""Decoding of source images and encoding of the small JPEGs in shards."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

JPEG_QUALITY = 95
"""Quality of the JPEGs, without chroma subsampling: about 3 kB for 64x64 pixels."""
UNREADABLE = "unreadable"
"""Outcome of a file that is broken or not an image."""


def read_image(content: bytes) -> Image.Image | None:
    """Decode an upright RGB image; return None if the file can't be read."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def encode_image(picture: Image.Image) -> bytes:
    """Encode an image as JPEG."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return content.getvalue()
