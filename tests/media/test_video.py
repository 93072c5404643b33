"""Films: what is in them, by decoders that did not write them where there are such."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from dcgan.media import images, video
from dcgan.media.video import FORMATS, SCALINGS, VideoError, VideoOptions, encode_video, read_texts
from dcgan.tasks import run_to_end

N, SIDE = 12, 32
TEXTS = [f"v1:faces@0123abcd:slerp({index / N:g},z(1,0),z(1,1))" for index in range(N)]
PSNR = {"mp4": 32, "gif": 29, "webp": 32}  # dB; a GIF has 256 colours
MOVING = ("mp4", "gif", "webp")


def loop(count: int = N, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """(count, height, width, 3): smooth, and turned once, the last a step before the first."""
    y, x = np.mgrid[0:height, 0:width] / SIDE
    turned = np.arange(count)[:, None, None] * 2 * np.pi / count
    colours = [np.sin(turned + 3 * x), np.cos(turned + 2 * y), np.sin(turned + x + y)]
    return np.stack([127.5 + 100 * colour for colour in colours], -1).round().astype(np.uint8)


def decoded(content: bytes) -> np.ndarray:
    """Its frames: those of an MP4 by FFmpeg, all others by Pillow."""
    if content[4:8] == b"ftyp":
        with av.open(io.BytesIO(content), "r") as container:
            return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    with Image.open(io.BytesIO(content)) as image:
        return np.stack([np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)])


def seconds(content: bytes) -> float:
    if content[4:8] == b"ftyp":
        with av.open(io.BytesIO(content), "r") as container:
            assert container.duration is not None
            return container.duration / 1e6
    with Image.open(io.BytesIO(content)) as image:
        frames = ImageSequence.Iterator(image)
        return sum((f.load(), f.info["duration"])[1] for f in frames) / 1000


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """In dB."""
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def enlarged(frames: np.ndarray, size: int, scaling: str) -> np.ndarray:
    ways = SCALINGS[scaling]
    return np.stack([np.asarray(Image.fromarray(f).resize((size, size), ways)) for f in frames])


@pytest.mark.parametrize("kind", MOVING)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_film_shows_its_frames_for_its_time(kind: str, scaling: str) -> None:
    content = run_to_end(encode_video(loop(), TEXTS, VideoOptions(kind, 0.8, 128, scaling)))
    found, expected = decoded(content), enlarged(loop(), 128, scaling)
    assert found.shape == (N, 128, 128, 3)
    assert min(psnr(*pair) for pair in zip(found, expected, strict=True)) > PSNR[kind]
    # a wrong matrix of colours shifts whole channels by tens
    assert np.abs(found.mean((0, 1, 2)) - expected.mean((0, 1, 2))).max() < 3
    assert seconds(content) == pytest.approx(0.8, abs=0.011)


@pytest.mark.parametrize("kind", MOVING)
def test_a_loop_has_no_jump(kind: str) -> None:
    found = decoded(run_to_end(encode_video(loop(24), TEXTS, VideoOptions(kind, 2, 64, "bicubic"))))
    steps = images.frame_differences(np.concatenate([found, found[:1]]))
    assert steps[-1] < 1.2 * steps[:-1].max()


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_it_repeats_for_ever(kind: str) -> None:
    with Image.open(
        io.BytesIO(run_to_end(encode_video(loop(), TEXTS, VideoOptions(kind, 1, 64, "nearest"))))
    ) as it:
        assert it.info["loop"] == 0
        assert getattr(it, "n_frames", 1) == N


def test_an_mp4_can_be_played_while_it_comes_and_by_every_player() -> None:
    content = run_to_end(encode_video(loop(), TEXTS, VideoOptions("mp4", 1, 64, "nearest")))
    assert 0 < content.find(b"moov") < content.find(b"mdat")
    with av.open(io.BytesIO(content), "r") as container:
        [stream] = container.streams.video
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == N


def test_a_strip_is_exact_and_goes_on_in_rows() -> None:
    content = run_to_end(encode_video(loop(), TEXTS, VideoOptions("png", 1, 64, "nearest")))
    [strip] = decoded(content)
    assert (strip == images.make_grid(enlarged(loop(), 64, "nearest"), N)).all()
    [strip] = decoded(
        run_to_end(encode_video(loop(), TEXTS, VideoOptions("png", 1, 1024, "nearest")))
    )
    assert strip.shape == (3 * 1024, 4 * 1024, 3)
    assert (strip[::32, ::32] == images.make_grid(loop(), 4)[::1, ::1]).all()


@pytest.mark.parametrize("kind", FORMATS)
def test_its_texts_are_in_the_metadata(kind: str) -> None:
    long = [text + ":gain(1,0,0-3)" * 20 for text in TEXTS]
    for texts in (TEXTS, long):
        content = run_to_end(encode_video(loop(), texts, VideoOptions(kind, 1, 64, "nearest")))
        assert read_texts(content) == texts
        words = json.dumps({"dcgan": texts, "seconds": 1})
        if kind != "gif":  # whose blocks have 255 bytes
            assert content.count(words.encode()) == 1


def test_other_files_have_no_texts() -> None:
    plain = io.BytesIO()
    Image.fromarray(loop()[0]).save(plain, "WEBP")
    for content in (b"words", b"", plain.getvalue(), images.encode_png(loop()[0])):
        assert read_texts(content) == []
    assert read_texts(images.encode_png(loop()[0], TEXTS[0])) == [], "a picture's own text"
    whole = run_to_end(encode_video(loop(), TEXTS, VideoOptions("mp4", 1, 64, "nearest")))
    assert read_texts(whole[:200]) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_film_is_the_same_file(kind: str) -> None:
    film = VideoOptions(kind, 1, 64, "nearest")
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (N, 16, 16, 3), np.uint8)  # a hard film: every choice is close
    files = set()
    for _ in range(20):
        kept = [rng.bytes(int(size)) for size in rng.integers(1_000, 200_000, 20)]
        files.add(run_to_end(encode_video(noise, TEXTS, film)))
        del kept  # other memory, with other content, for the next
    assert len(files) == 1


@pytest.mark.parametrize("kind", MOVING)
def test_frames_may_be_wide(kind: str) -> None:
    frames = loop(height=28, width=3 * 28)
    assert decoded(
        run_to_end(encode_video(frames, TEXTS, VideoOptions(kind, 1, 70, "bicubic")))
    ).shape[1:] == (
        70,
        210,
        3,
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_it_says_how_far_it_is_and_can_be_left(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(video, "STEP", 2 * 64**2)
    film = VideoOptions(kind, 1, 64, "nearest")
    fractions = list(encode_video(loop(), TEXTS, film))
    assert fractions == pytest.approx([(index + 1) / 6 for index in range(6)])
    work = encode_video(loop(), TEXTS, film)
    next(work)
    assert list(tmp_path.iterdir())
    work.close()
    assert not list(tmp_path.iterdir()), "nothing is left behind"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("avi", 1, 64, "nearest"), "mp4, gif, webp or png, not 'avi'"),
        ((None, 1, 64, "nearest"), "not None"),
        (("mp4", 0, 64, "nearest"), "takes up to 600 seconds, not 0"),
        (("mp4", float("nan"), 64, "nearest"), "takes up to 600 seconds, not nan"),
        (("mp4", 601, 64, "nearest"), "not 601"),
        (("mp4", "long", 64, "nearest"), "takes up to 600 seconds, not 'long'"),
        (("mp4", 1, 62, "nearest"), "even number of pixels from 64 to 1024, not 62"),
        (("mp4", 1, 65, "nearest"), "not 65"),
        (("mp4", 1, 1026, "nearest"), "not 1026"),
        (("mp4", 1, 64.0, "nearest"), "not 64.0"),
        (("mp4", 1, 64, "cubic"), "scaled by nearest, bicubic or lanczos, not 'cubic'"),
        (("mp4", 1, 64, ["nearest"]), "not \\['nearest'\\]"),
    ],
)
def test_what_no_film_can_be_is_said(arguments: tuple, words: str) -> None:
    with pytest.raises(VideoError, match=words):
        VideoOptions(*arguments)


def test_too_wide_frames_are_refused() -> None:
    wide = np.zeros((2, 16, 16 * 9, 3), np.uint8)
    with pytest.raises(VideoError, match="8192 pixels wide at most, not 9216: give a smaller size"):
        run_to_end(encode_video(wide, TEXTS[:2], VideoOptions("webp", 1, 1024, "nearest")))


def test_too_few_and_too_many_frames_are_refused() -> None:
    with pytest.raises(VideoError, match="2 frames at least"):
        run_to_end(encode_video(loop()[:1], TEXTS[:1], VideoOptions("webp", 1, 64, "nearest")))
    with pytest.raises(VideoError, match=r"12 frames in 0\.3 seconds are more than 30 a second"):
        run_to_end(encode_video(loop(), TEXTS, VideoOptions("mp4", 0.3, 64, "nearest")))
