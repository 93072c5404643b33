"""The middle of a picture, as the authors' code has it for LSUN and ImageNet.

It is scaled until its shorter side fits, and its centre is cut out.
"""

from __future__ import annotations

from PIL import Image, ImageOps

from training.data.prepare.images import UNREADABLE, encode_image, read_image


def crop_centre(content: bytes, size: int) -> tuple[list[bytes], str]:
    """size x size; pictures that are smaller are left out, not enlarged."""
    picture = read_image(content)
    if picture is None:
        return [], UNREADABLE
    if min(picture.size) < size:
        return [], "small"
    return [encode_image(centre_square(picture, size))], "kept"


def centre_square(picture: Image.Image, size: int) -> Image.Image:
    """size x size: scaled until the shorter side fits, and cut."""
    return ImageOps.fit(picture, (size, size), Image.Resampling.BOX)
