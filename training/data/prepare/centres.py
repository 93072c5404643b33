"""Centre crop: the shorter side is scaled to the target size, as in the authors' code."""

from __future__ import annotations

from PIL import Image, ImageOps

from training.data.prepare.images import UNREADABLE, encode_image, read_image


def crop_centre(content: bytes, size: int) -> tuple[list[bytes], str]:
    """Crop an encoded image to size x size; return it and its outcome.

    Smaller images are left out, not enlarged.
    """
    picture = read_image(content)
    if picture is None:
        return [], UNREADABLE
    if min(picture.size) < size:
        return [], "small"
    return [encode_image(centre_square(picture, size))], "kept"


def centre_square(picture: Image.Image, size: int) -> Image.Image:
    """Scale the shorter side to `size` and crop the centre."""
    return ImageOps.fit(picture, (size, size), Image.Resampling.BOX)
