"""`from dcgan import load, render, walk`: arrays that show themselves, and what importing costs."""

from __future__ import annotations

import io
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dcgan
from dcgan import load, render, walk
from dcgan.api import DISPLAY_SIDE, MAX_IMAGES_IN_GRID, RenderedImages, RenderedWalk
from dcgan.latents import operations
from dcgan.latents.spec import At, Draw, Mean, SpecError
from dcgan.media import images
from dcgan.media.video import read_texts
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from tests import tiny
from tests.test_classes import DIGITS


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    faces = tiny.save(tmp_path_factory.mktemp("weights") / "faces")
    checkpoint.save_directions(faces.folder, {"pc1": [0.5] * tiny.CONFIG.z_size})
    return load(faces.folder)


def shown(pictures: RenderedImages) -> tuple[Image.Image, tuple[int, int]]:
    """What a notebook is given, and the size at which it shows it."""
    found = pictures._repr_png_()
    assert found is not None
    png, size = found
    return Image.open(io.BytesIO(png)), (size["width"], size["height"])


def test_importing_the_package_is_light_and_using_it_needs_no_torch() -> None:
    script = """
import sys
import dcgan
print(sorted({"numpy", "PIL", "torch", "onnxruntime", "dcgan.api"} & sys.modules.keys()))
print([name in dir(dcgan) for name in ("load", "render", "walk")])
from dcgan import load, render, walk
from dcgan import *
print(sorted({"torch", "onnxruntime", "gradio"} & sys.modules.keys()))
print(render(load(sys.argv[1]), "z(1,0)").shape, sorted({"torch", "onnx"} & sys.modules.keys()))
"""
    faces = str(Path(dcgan.__file__).parents[1] / "weights" / "faces")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, faces],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n[True, True, True]\n[]\n(64, 64, 3) []\n"
    with pytest.raises(AttributeError, match="has no attribute 'draw'"):
        _ = dcgan.draw  # pyright: ignore[reportAttributeAccessIssue]


def test_what_stands_for_a_picture(faces: Checkpoint) -> None:
    whole = f"v1:another-name@{faces.hash}:z(1,0)"
    z = operations.draw_latent(1, 0, tiny.CONFIG.z_size, "uniform")
    with torch.inference_mode():
        drawn = faces.generator()(torch.from_numpy(z[None].astype(np.float32))).numpy()
    expected = images.to_uint8(drawn, "tanh")[0].astype(int)
    for one in (whole, f" {whole}", "z(1,0)", " z( 1, 0 )", Draw(1, 0)):
        picture = render(faces, one)
        assert (picture.shape, picture.dtype) == ((16, 16, 3), np.uint8)
        assert np.abs(picture - expected).max() <= 1
    assert render(faces, whole).texts == (whole,)
    assert render(faces, "z(1,0)").texts == (f"v1:faces@{faces.hash}:z(1,0)",)

    texts = ["move(pc1,2,z(1,0))", "z(1,1):gain(1,0,0-3)", Mean((Draw(1, 0), Draw(1, 1)))]
    several = render(faces, texts)
    assert several.shape == (3, 16, 16, 3)
    for picture, text in zip(several, texts, strict=True):
        assert (np.abs(picture.astype(int) - render(faces, text)) <= 1).all()
    assert (render(faces, (text for text in texts)) == several).all()
    found = render(faces, At(tuple(z)))  # its numbers are kept in steps of 1/4096
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_a_model_of_classes_is_told_which(tmp_path: Path) -> None:
    digits = tiny.save(tmp_path / "digits", DIGITS)
    zero, one = render(digits, ["z(1,0):class(0)", "z(1,0):class(1)"])
    assert (zero != one).any()
    with pytest.raises(SpecError, match=re.escape("digits draws 10 classes: add :class(0)")):
        render(digits, "z(1,0)")


def test_a_walk_has_its_frames(faces: Checkpoint, tmp_path: Path) -> None:
    keyframes = ["z(1,0):gain(1,0,1)", "z(1,1)", "z(1,2)"]
    frames = walk(faces, keyframes, seconds=2)
    assert (frames.shape, frames.dtype) == ((30, 16, 16, 3), np.uint8)
    assert len(frames.texts) == 30
    corners = render(faces, keyframes)
    assert (np.abs(frames[::10].astype(int) - corners) <= 1).all()
    assert (
        images.frame_differences(np.concatenate([frames, frames[:1]])).max()
        < images.frame_differences(corners).min()
    )

    there = walk(faces, keyframes, seconds=2, closed=False, spherical=False)
    assert (np.abs(there[[0, -1]].astype(int) - corners[[0, -1]]) <= 1).all()
    assert there.texts[1].startswith(f"v1:faces@{faces.hash}:lerp(")

    frames.save(tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as film:
        assert (getattr(film, "n_frames", 1), film.size) == (30, (64, 64))
    assert read_texts((tmp_path / "walk.gif").read_bytes()) == list(frames.texts)
    with pytest.raises(ValueError, match=re.escape("a film is mp4, gif, webp or png, not 'avi'")):
        frames.save(tmp_path / "walk.avi")


def test_a_notebook_shows_pictures(faces: Checkpoint) -> None:
    picture = render(faces, "z(1,0)")
    image, size = shown(picture)
    assert (np.asarray(image) == picture).all()
    assert size == (DISPLAY_SIDE, DISPLAY_SIDE)

    many = render(faces, [f"z(1,{index})" for index in range(MAX_IMAGES_IN_GRID + 1)])
    image, size = shown(many)
    assert image.size == (160, 160)
    assert (np.asarray(image)[16:32, :16] == many[10]).all()
    assert size == (320, 320)
    assert shown(many[2])[0].size == (16, 16)

    frames = walk(faces, ["z(1,0)", "z(1,1)", "z(1,2)"], seconds=1)
    image, size = shown(frames)
    assert (image.format, getattr(image, "n_frames", 1)) == ("PNG", 15)
    assert image.info["loop"] == 0
    assert image.info["duration"] == pytest.approx(1000 / 15, abs=1)
    image.seek(7)
    assert (np.asarray(image.convert("RGB")) == frames[7]).all()
    assert shown(frames[0])[0].size == (16, 16)

    for not_a_picture in (picture[0], many[:0], many.astype(float), picture[..., 0]):
        assert isinstance(not_a_picture, RenderedImages)
        assert not_a_picture._repr_png_() is None


def test_what_is_computed_from_pictures_is_a_plain_array(faces: Checkpoint) -> None:
    pictures = render(faces, ["z(1,0)", "z(1,1)"])
    for computed in (pictures - 1, pictures.mean(axis=0), pictures == 0, np.abs(pictures)):
        assert type(computed) is np.ndarray
    for number in (pictures.mean(), pictures.max(), (pictures == 0).all()):
        assert isinstance(number, np.generic)
    assert repr(pictures.max()).startswith("np.uint8(")
    assert type(pictures[0]) is RenderedImages
    assert pictures[0].texts == pickle.loads(pickle.dumps(pictures)).texts == ()
    assert type(walk(faces, ["z(1,0)", "z(1,1)"], 1)[::-1]) is RenderedWalk


def test_files(faces: Checkpoint, tmp_path: Path) -> None:
    picture = render(faces, "z(1,0)")
    picture.save(tmp_path / "a.png", scale=3)
    assert images.read_spec((tmp_path / "a.png").read_bytes()) == picture.texts[0]
    with Image.open(tmp_path / "a.png") as image:
        assert (np.asarray(image)[1::3, 1::3] == picture).all()
    render(faces, ["z(1,0)", "z(1,1)", "z(1,2)"]).save(str(tmp_path / "b.png"))
    assert images.read_spec((tmp_path / "b.png").read_bytes()) is None
    with Image.open(tmp_path / "b.png") as image:
        assert image.size == (32, 32)
        assert (np.asarray(image)[:16, :16] == picture).all()
    picture.save(tmp_path / "c.jpg")
    with Image.open(tmp_path / "c.jpg") as image:
        assert image.format == "JPEG"
    with pytest.raises(ValueError, match=re.escape("unknown file extension: .xyz")):
        picture.save(tmp_path / "d.xyz")


def test_what_can_not_be_drawn_is_a_sentence(faces: Checkpoint) -> None:
    for text, says in (
        ("z(1)", f"expected the values of z(seed,index), found 1, in v1:faces@{faces.hash}:z(1)"),
        ("move(age,1,z(1,0))", "no direction called 'age'; it has: pc1"),
        (
            "v1:faces@00000000:z(1,0)",
            f"other weights (00000000) than the faces here ({faces.hash})",
        ),
        ("", "expected z(...)"),
        ([], "there is nothing to draw"),
        (["z(1,0)", 7], "found '7'"),
    ):
        with pytest.raises(SpecError, match=re.escape(says)):
            render(faces, text)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="at least 2 keyframes and 1 step, not 1 and 150"):
        walk(faces, ["z(1,0)"])
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(
            ValueError, match=f"a walk takes some seconds, such as 10, not {seconds}"
        ):
            walk(faces, ["z(1,0)", "z(1,1)"], seconds=seconds)
    with pytest.raises(CheckpointError, match="there is no folder 'faces'"):
        load("faces")


def test_a_folder_that_has_got_other_weights_is_read_again(tmp_path: Path) -> None:
    before = render(tiny.save(tmp_path / "faces"), "z(1,0)")
    assert (render(load(tmp_path / "faces"), "z(1,0)") == before).all()
    after = render(tiny.save(tmp_path / "faces", seed=1), "z(1,0)")
    assert (after != before).any()
    assert after.texts != before.texts


def test_a_checkpoint_has_the_name_that_the_page_gives_it(tmp_path: Path) -> None:
    first = tiny.save(tmp_path / "weights" / "faces")
    cache = tmp_path / "models--user--dcgan-faces" / "snapshots" / ("0123456789" * 4)
    for folder, name in (
        (tmp_path / "weights" / "faces" / "seen-76k", "faces/seen-76k"),
        (tmp_path / "My Faces", "my-faces"),
        (cache, "dcgan-faces"),
    ):
        folder.mkdir(parents=True)
        for file in first.folder.glob("*.*"):
            shutil.copy(file, folder)
        drawn = render(load(folder), "z(1,0)")
        assert drawn.texts == (f"v1:{name}@{first.hash}:z(1,0)",)
