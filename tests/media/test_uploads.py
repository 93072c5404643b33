"""Files that people give: every kind that is read, as D sees it."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from dcgan.media import uploads
from dcgan.media.uploads import TooLargeError, UploadError, read_square_upload

SIZE = 16
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def halves(left: tuple[int, ...] = RED, right: tuple[int, ...] = BLUE) -> Image.Image:
    """64x64, the left half of one colour, the right half of another."""
    image = Image.new("RGB", (64, 64), left)
    image.paste(right, (32, 0, 64, 64))
    return image


def near(pixel: np.ndarray, colour: tuple[int, ...]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() < 20)


def sides(width: int, height: int) -> bytes:
    return encoded(Image.new("1", (width, height)))


def seen(content: bytes) -> np.ndarray:
    return read_square_upload(content, SIZE, 3)[0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP", "TIFF"])
def test_the_usual_kinds_of_files(kind: str) -> None:
    picture, notes = read_square_upload(encoded(halves(), kind), SIZE, 3)
    assert picture.shape == (SIZE, SIZE, 3)
    assert near(picture[8, 2], RED)
    assert near(picture[8, 13], BLUE)
    assert notes == []


def test_the_middle_square_is_seen_upright() -> None:
    wide = Image.new("RGB", (192, 64), WHITE)
    wide.paste(halves(), (64, 0))
    picture = seen(encoded(wide))
    assert near(picture[0, 0], RED)
    assert near(picture[15, 15], BLUE)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: what is left comes on top
    turned = seen(encoded(wide, "JPEG", exif=exif, quality=95))
    assert near(turned[2, 8], RED)
    assert near(turned[13, 8], BLUE)


def test_a_large_photograph_looks_like_its_small_copy() -> None:
    ramp = np.linspace(0, 255, 3000).astype(np.uint8)
    large = Image.fromarray(np.stack([np.tile(ramp, (2000, 1))] * 3, axis=-1))
    picture = seen(encoded(large, "JPEG"))
    expected = np.linspace(255 / 6, 255 * 5 / 6, 33)[1::2]  # the middle two thirds
    assert np.abs(picture[8, :, 0] - expected).max() < 3


def test_cmyk_and_greys_have_their_colours() -> None:
    cmyk = seen(encoded(halves().convert("CMYK"), "JPEG", quality=95))
    assert near(cmyk[8, 2], RED)
    assert near(cmyk[8, 13], BLUE)
    for mode in ("L", "1"):
        grey = seen(encoded(halves(WHITE, (0, 0, 0)).convert(mode)))
        assert near(grey[8, 2], WHITE)
        assert near(grey[8, 13], (0, 0, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_is_white(mode: str) -> None:
    image = halves((0, 0, 0)).convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat([[255] * 32 + [0] * 32], 64, 0).astype(np.uint8)))
    content = encoded(image.convert(mode), "TIFF" if mode == "PA" else "PNG")
    picture, notes = read_square_upload(content, SIZE, 3)
    assert near(picture[8, 2], (0, 0, 0))
    assert near(picture[8, 13], WHITE)
    assert notes == ["What is transparent in it is white here."]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.linspace(0, 65535, 64).astype(np.uint16), "PNG"),
        (np.linspace(0, 65535, 64).astype(np.uint16), "TIFF"),
        (np.linspace(-1e6, 1e6, 64).astype(np.int32), "TIFF"),
        (np.linspace(0, 1, 64).astype(np.float32), "TIFF"),
    ],
    ids=["16 bits", "16 bits, TIFF", "32 bits", "fractions"],
)
def test_fine_greys_keep_their_range(values: np.ndarray, kind: str) -> None:
    picture, notes = read_square_upload(
        encoded(Image.fromarray(np.tile(values, (64, 1))), kind), SIZE, 3
    )
    assert np.abs(picture[8, :, 0] - np.linspace(6, 249, SIZE)).max() < 4
    assert notes == ["Its fine greys were reduced to 256."]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_picture_is_seen(kind: str) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, BLUE, WHITE)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    picture, notes = read_square_upload(content, SIZE, 3)
    assert near(picture[8, 8], RED)
    assert notes == ["The file holds several pictures: this is the first of them."]


def test_a_grey_model_sees_greys() -> None:
    picture, _ = read_square_upload(encoded(halves()), SIZE, 1)
    assert (picture == picture[..., :1]).all()
    assert picture[8, 2, 0] > picture[8, 13, 0]  # red is lighter than blue


def test_a_side_that_is_too_short_is_refused_by_the_header() -> None:
    assert near(seen(encoded(Image.new("RGB", (8, 8), RED)))[8, 8], RED)
    for width, height in ((1, 1), (7, 9), (1, 5000)):
        with pytest.raises(UploadError, match="each side needs at least 8: give a larger one"):
            seen(sides(width, height)[:60])


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "TIFF", "PNG"])
def test_what_is_costly_to_decode_has_a_smaller_bound(kind: str) -> None:
    """A PNG by its greys of 16 bits, the others by their format."""
    for height, fits in ((4000, True), (4001, False)):
        greys = Image.new("I;16" if kind == "PNG" else "L", (4000, height))
        content = encoded(greys, kind, **({"speed": 10} if kind == "AVIF" else {}))
        if fits:
            assert seen(content).shape == (SIZE, SIZE, 3)
        else:
            with pytest.raises(TooLargeError, match=r"\(16 million of WEBP, AVIF, TIFF and fine"):
                seen(content)


def test_an_upload_of_too_many_pixels_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    content = sides(7000, 6000)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("it was decoded"))
    with pytest.raises(TooLargeError, match="at most 40 million"):
        read_square_upload(content, SIZE, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 39_000_000), (12_001, 8), (8, 12_001)])
def test_a_side_that_is_too_long_is_refused_by_the_header(width: int, height: int) -> None:
    content = sides(width, height)
    with pytest.raises(TooLargeError, match="12,000 along a side: give a smaller copy"):
        read_square_upload(content[:200], SIZE, 3)  # there are no pixels behind it


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_a_large_picture_is_reduced_to_what_is_needed(mode: str) -> None:
    picture = Image.new("RGB", (1000, 500), RED).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    with uploads.open_upload(encoded(picture, kind), 100, 3) as (image, _):
        assert 100 <= min(image.size) < 200
    assert near(seen(encoded(Image.new("RGB", (1000, 500), RED), kind))[8, 8], RED)


def test_two_are_decoded_at_a_time_and_a_few_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    content, decode = encoded(halves()), uploads._to_8_bit
    inside, most, go = 0, 0, threading.Event()
    lock = threading.Lock()

    def watched(*arguments: Any) -> Any:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        assert go.wait(20)
        try:
            return decode(*arguments)
        finally:
            with lock:
                inside -= 1

    monkeypatch.setattr(uploads, "_to_8_bit", watched)
    count = uploads.MAX_DECODERS + uploads.MAX_WAITING
    with ThreadPoolExecutor(count) as threads:
        reading = [threads.submit(read_square_upload, content, SIZE, 3) for _ in range(count)]
        while uploads._decoders._waiting < uploads.MAX_WAITING:
            time.sleep(0.01)
        with pytest.raises(uploads.BusyError, match="again in a second"):
            read_square_upload(content, SIZE, 3)
        go.set()
        assert all(job.result()[0].shape == (SIZE, SIZE, 3) for job in reading)
    assert most == uploads.MAX_DECODERS
    assert read_square_upload(content, SIZE, 3)[0].shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "F"])
def test_strips_are_what_the_whole_would_be(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a height that no number of strips divides, turned by its header where a PNG can."""
    noise = np.random.default_rng(3).integers(0, 256, (301, 210, 4), np.uint8)
    kind = "TIFF" if mode in ("PA", "F") else "PNG"
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(noise[..., 0].astype(np.float32))
    else:
        image = Image.fromarray(noise).convert("RGB" if mode == "P" else "RGBA").convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(image, kind, **({"exif": exif} if kind == "PNG" else {}))
    found = []
    for rows in (10_000, 16):
        monkeypatch.setattr(uploads, "ROWS_AT_ONCE", rows)
        with uploads.open_upload(content, 50, 3) as (read, _):
            assert read.size == ((76, 53) if kind == "PNG" else (53, 76))
            found.append(np.asarray(read))
    assert np.array_equal(*found)
