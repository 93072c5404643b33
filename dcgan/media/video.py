"""Video encoding: frames as MP4, GIF, animated WebP or a strip in a PNG, with specs as metadata.

The metadata is JSON, {"dcgan": [TEXT, ...], "seconds": S}. It is stored as the comment of an MP4 or
GIF, as the EXIF description of a WebP, and in a PNG under the key of `images.encode_png`.
"""

from __future__ import annotations

import importlib
import io
import json
import math
import reprlib
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from dcgan.media import images
from dcgan.tasks import Work

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

SCALINGS = {
    "nearest": Image.Resampling.NEAREST,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MIN_SIZE, MAX_SIZE = 64, 1024
MAX_SECONDS = 600
MAX_STRIP_WIDTH = 8192
MAX_FRAMES_PER_SECOND = 30
STRIP = 4096
"""Width in pixels from which a strip is wrapped to another row."""
STEP = 2**20
"""Pixels to encode between two reports of progress: a tenth of a second or two."""
DESCRIPTION = 0x010E
"""EXIF tag ImageDescription."""


class VideoError(ValueError):
    """Invalid options of a video; the message says what to choose instead."""


FORMATS = ("mp4", "gif", "webp", "png")


@dataclass(frozen=True)
class VideoOptions:
    """Options of a video. The constructor raises VideoError.

    format: one of FORMATS. seconds: total duration. size: height in pixels, an even number.
    scaling: one of SCALINGS; "nearest" keeps hard pixel edges.
    """

    format: str
    seconds: float
    size: int
    scaling: str

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise VideoError(f"a film is {_any_of(FORMATS)}, not {reprlib.repr(self.format)}")
        seconds = self.seconds
        if not isinstance(seconds, int | float) or not 0 < seconds <= MAX_SECONDS:
            raise VideoError(
                f"a film takes up to {MAX_SECONDS} seconds, not {reprlib.repr(seconds)}"
            )
        if type(self.size) is not int or self.size % 2 or not MIN_SIZE <= self.size <= MAX_SIZE:
            raise VideoError(
                f"a film's size is an even number of pixels from {MIN_SIZE} to {MAX_SIZE}, "
                f"not {reprlib.repr(self.size)}"
            )
        if self.scaling not in [*SCALINGS]:
            raise VideoError(
                f"a film is scaled by {_any_of(SCALINGS)}, not {reprlib.repr(self.scaling)}"
            )

    def check(self, frames: int) -> None:
        """Check the number of frames and the encoder, before the frames are rendered.

        Raises VideoError for fewer than two frames or more than MAX_FRAMES_PER_SECOND, and
        ModuleNotFoundError without PyAV, which all formats but png need.
        """
        if frames < 2:
            raise VideoError("a film has 2 frames at least")
        if frames > MAX_FRAMES_PER_SECOND * self.seconds:
            raise VideoError(
                f"{frames} frames in {self.seconds:g} seconds are more than "
                f"{MAX_FRAMES_PER_SECOND} a second: give them more time"
            )
        if self.format != "png":
            importlib.import_module("av")

    def sides(self, frames: np.ndarray) -> tuple[int, int]:
        """Return width and height in pixels; both are even, as H.264 requires."""
        _, height, width, _ = frames.shape
        return 2 * round(self.size * width / height / 2), self.size

    def frame_seconds(self, frames: np.ndarray) -> Fraction:
        """Return the duration of a frame in seconds."""
        return Fraction(self.seconds).limit_denominator(1000) / len(frames)

    def scaled(self, frames: np.ndarray) -> Iterator[np.ndarray]:
        """Yield each frame, resized, as (height, width, 3) uint8."""
        for frame in frames:
            picture = Image.fromarray(frame).resize(self.sides(frames), SCALINGS[self.scaling])
            yield np.asarray(picture)


def encode_video(frames: np.ndarray, texts: Sequence[str], film: VideoOptions) -> Work[bytes]:
    """Encode frames (N, H, W, 3) uint8 as a video file; a GIF or WebP loops forever.

    texts: specs of the images, frame by frame and from left to right within a frame. Raises the
    exceptions of `VideoOptions.check`, and VideoError for frames wider than MAX_STRIP_WIDTH.
    """
    film.check(len(frames))
    width, _ = film.sides(frames)
    if width > MAX_STRIP_WIDTH:
        raise VideoError(
            f"a film is {MAX_STRIP_WIDTH} pixels wide at most, not {width}: give a smaller size"
        )
    words = json.dumps({images.SPEC_KEY: list(texts), "seconds": film.seconds})
    with tempfile.TemporaryDirectory() as folder:  # faststart needs a seekable file
        path = Path(folder) / "film"
        encoding = _strip if film.format == "png" else _moving
        pixels = 0
        for number, size in enumerate(encoding(frames, words, film, path), start=1):
            pixels += size
            if pixels >= STEP:
                pixels = 0
                yield number / len(frames)
        return path.read_bytes()


def read_texts(content: bytes) -> list[str]:
    """Return the specs that `encode_video` wrote into a file, or an empty list."""
    try:
        said = json.loads(_words(content) or "{}")
    except ValueError:
        return []
    return said.get(images.SPEC_KEY, []) if isinstance(said, dict) else []


def _words(content: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.format == "GIF":
                return image.info.get("comment", b"").decode()
            return image.info.get(images.SPEC_KEY) or image.getexif().get(DESCRIPTION)
    except UnidentifiedImageError:
        pass
    import av
    from av.error import FFmpegError

    try:
        with av.open(io.BytesIO(content)) as container:
            return container.metadata.get("comment")
    except FFmpegError:
        return None


# --- files; these yield the pixels of each frame that is done


def _strip(frames: np.ndarray, words: str, film: VideoOptions, path: Path) -> Iterator[int]:
    width, height = film.sides(frames)
    scaled = []
    for picture in film.scaled(frames):
        scaled.append(picture)
        yield width * height
    rows = math.ceil(len(frames) * width / STRIP)
    strip = images.make_grid(np.stack(scaled), math.ceil(len(frames) / rows))
    path.write_bytes(images.encode_png(strip, words))


def _moving(frames: np.ndarray, words: str, film: VideoOptions, path: Path) -> Iterator[int]:
    import av

    coding, pace = _CODECS[film.format], film.frame_seconds(frames)
    with av.open(path, "w", format=film.format, options=coding.container) as container:
        container.metadata["comment"] = words  # FFmpeg drops it for GIF and WebP
        stream = container.add_stream(coding.codec, 1 / pace, {"threads": "1", **coding.options})
        stream.width, stream.height = film.sides(frames)
        stream.pix_fmt = coding.pixels
        for number, picture in enumerate(coding.pictures(frames, film)):
            picture.pts, picture.time_base = number, pace
            container.mux(stream.encode(picture))
            yield picture.width * picture.height
        container.mux(stream.encode(None))
    if coding.describe:
        path.write_bytes(coding.describe(path.read_bytes(), words))


def _with_comment(gif: bytes, words: str) -> bytes:
    """Insert a comment extension after a GIF's header and palette.

    It consists of blocks of up to 255 bytes, each preceded by its length.
    """
    head, flags = 13, gif[10]
    if flags & 0x80:
        head += 3 * 2 ** ((flags & 7) + 1)
    said = words.encode()
    blocks = [said[start : start + 255] for start in range(0, len(said), 255)]
    comment = b"".join(bytes([len(block)]) + block for block in blocks)
    return gif[:head] + b"\x21\xfe" + comment + b"\0" + gif[head:]


def _with_exif(webp: bytes, words: str) -> bytes:
    """Append an EXIF chunk to an animated WebP and set its flag in the VP8X header."""
    exif = Image.Exif()
    exif[DESCRIPTION] = words
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    whole = bytearray(
        webp + b"EXIF" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    )
    whole[4:8] = struct.pack("<I", len(whole) - 8)
    whole[20] |= 0x08
    return bytes(whole)


# --- frames, as FFmpeg has them


def _rgb(frames: np.ndarray, film: VideoOptions) -> Iterator[VideoFrame]:
    return _timed(film.scaled(frames), film.frame_seconds(frames))


def _yuv(frames: np.ndarray, film: VideoOptions) -> Iterator[VideoFrame]:
    """Convert to YUV with the BT.709 matrix; FFmpeg's default for small images is another one."""
    from av.video.reformatter import ColorRange, Colorspace

    for frame in _rgb(frames, film):
        yield frame.reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )


def _quantised(frames: np.ndarray, film: VideoOptions) -> Iterator[VideoFrame]:
    """Quantise all frames to one palette of 256 colours, so that colours do not flicker."""
    from av import VideoFormat
    from av.filter import Graph

    palette, pace = _palette(frames, film), film.frame_seconds(frames)
    inputs = [
        (*film.sides(frames), VideoFormat("rgb24")),
        (palette.width, palette.height, palette.format),
    ]
    graph = Graph()
    painter, sink = graph.add("paletteuse", "dither=bayer:bayer_scale=4"), graph.add("buffersink")
    for place, (width, height, form) in enumerate(inputs):
        buffer = graph.add_buffer(width=width, height=height, format=form, time_base=pace)
        buffer.link_to(painter, 0, place)
    painter.link_to(sink)
    graph.configure()
    for frame in (palette, None):
        graph.vpush(frame, at=1)
    for frame in chain(_rgb(frames, film), [None]):
        graph.vpush(frame, at=0)
        yield from _ready(graph)


def _palette(frames: np.ndarray, film: VideoOptions) -> VideoFrame:
    """Compute the palette from the frames before scaling, which hardly adds colours."""
    from av import VideoFormat
    from av.filter import Graph

    _, height, width, _ = frames.shape
    pace = film.frame_seconds(frames)
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(width=width, height=height, format=VideoFormat("rgb24"), time_base=pace),
        graph.add("palettegen", "reserve_transparent=0"),
        graph.add("buffersink"),
    ).configure()
    for frame in chain(_timed(frames, pace), [None]):
        graph.vpush(frame)
    [palette] = _ready(graph)
    return palette


def _ready(graph: Graph) -> Iterator[VideoFrame]:
    """Yield the frames that a filter graph can output without further input."""
    with suppress(BlockingIOError, EOFError):
        while True:
            yield graph.vpull()


def _timed(pictures: Iterable[np.ndarray], pace: Fraction) -> Iterator[VideoFrame]:
    from av import VideoFrame

    for number, picture in enumerate(pictures):
        frame = VideoFrame.from_ndarray(picture)
        frame.pts, frame.time_base = number, pace
        yield frame


def _any_of(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


class _Codec(NamedTuple):
    """How FFmpeg writes a format.

    codec: encoder. pixels: pixel format. pictures: converts frames. options, container: options of
    the codec and of the file. describe: adds the metadata to the finished file (None: FFmpeg does).
    """

    codec: Literal["libx264", "gif", "libwebp_anim"]
    pixels: str
    pictures: Callable[[np.ndarray, VideoOptions], Iterator[VideoFrame]]
    options: dict[str, str]
    container: dict[str, str]
    describe: Callable[[bytes, str], bytes] | None


_BT709 = {
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "color_range": "tv",
}
_CODECS = {
    "mp4": _Codec(
        "libx264",
        "yuv420p",
        _yuv,
        # x264's vector code reads uninitialised memory, so that its output is not deterministic
        {"crf": "16", "preset": "veryfast", "x264-params": "cpu-independent=1", **_BT709},
        {"movflags": "faststart"},
        None,
    ),
    "gif": _Codec("gif", "pal8", _quantised, {}, {"loop": "0"}, _with_comment),
    "webp": _Codec("libwebp_anim", "bgra", _rgb, {"quality": "90"}, {"loop": "0"}, _with_exif),
}
