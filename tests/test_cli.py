"""`python -m dcgan` as people run it; publishing is in test_hub.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan import hub, images
from dcgan.engine import Engine, Model
from tests import tiny


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "dcgan", *map(str, arguments)],
        cwd=hub.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def done(*arguments: object) -> str:
    ran = command(*arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def refused(*arguments: object) -> str:
    """The one sentence of a command that fails."""
    ran = command(*arguments)
    assert (ran.returncode, ran.stdout) == (1, ""), ran
    [line] = ran.stderr.splitlines()
    return line.removeprefix("Error: ")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints like weights/."""
    folder = tmp_path_factory.mktemp("weights")
    tiny.save(folder / "faces")
    tiny.save(folder / "faces" / "seen-28k", seed=1)
    return folder


@pytest.fixture(scope="module")
def faces(weights: Path) -> Model:
    return Engine({"faces": weights / "faces"}).model("faces")


def test_render_draws_a_text_which_stays_with_the_picture(
    weights: Path, faces: Model, tmp_path: Path
) -> None:
    text = f"v1:faces@{faces.checkpoint.hash}:lerp(0.50, z(1,0), z(1,1))"
    first, again, large = (tmp_path / name for name in ("first.png", "again.png", "large.png"))
    done("render", text, first, "--weights", weights)

    spec = images.read_spec(first.read_bytes())
    assert spec == text.replace("0.50", "0.5").replace(" ", ""), "in its canonical form"
    done("render", spec, again, "--weights", weights / "faces")
    assert again.read_bytes() == first.read_bytes()

    done("render", spec, large, "--weights", weights, "--scale", 3)
    picture = np.asarray(Image.open(first))
    assert picture.shape == (16, 16, 3)
    assert (np.asarray(Image.open(large)) == picture.repeat(3, 0).repeat(3, 1)).all()


def test_sample_writes_an_array_and_a_grid(faces: Model, tmp_path: Path) -> None:
    out, grid = tmp_path / "samples.npy", tmp_path / "samples.png"
    folder = faces.checkpoint.folder
    done("sample", folder, "--count", 70, "--seed", 4, "--out", out, "--grid", grid)

    pictures = np.load(out)
    assert pictures.shape == (70, 16, 16, 3)
    assert pictures.dtype == np.uint8
    expected = faces.render([faces.sample(4, index) for index in range(70)])
    assert np.abs(pictures.astype(int) - expected).max() <= 1
    assert (np.asarray(Image.open(grid)) == images.grid(pictures[:64])).all()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v1:faces", "at character 9: expected '@', found the end of the text"),
        ("v1:cats@{hash}:z(1,0)", "there is no model called 'cats' here; there is: faces, faces/s"),
        ("v1:faces@00000000:z(1,0)", "this picture was made with other weights (00000000)"),
    ],
)
def test_a_picture_that_can_not_be_drawn_is_a_sentence(
    weights: Path, faces: Model, tmp_path: Path, text: str, says: str
) -> None:
    out = tmp_path / "face.png"
    text = text.format(hash=faces.checkpoint.hash)
    assert refused("render", text, out, "--weights", weights).startswith(says)
    assert not out.exists()


def test_a_folder_that_is_missing_is_a_sentence(
    weights: Path, faces: Model, tmp_path: Path
) -> None:
    text, nowhere, out = faces.sample(1), tmp_path / "nowhere", tmp_path / "face.png"
    says = f"there is no folder '{nowhere}'"
    assert refused("render", text, out, "--weights", nowhere).startswith(says)
    assert refused("sample", nowhere, "--out", tmp_path / "x.npy").startswith(says)
    assert refused("render", text, out, "--weights", tmp_path) == (
        f"{tmp_path} holds no checkpoints: give another folder as --weights"
    )
    assert str(nowhere) in refused("render", text, nowhere / "face.png", "--weights", weights)
    assert str(nowhere) in refused("sample", weights / "faces", "--out", nowhere / "x.npy")


def test_what_fails_leaves_the_file_that_was_there(faces: Model, tmp_path: Path) -> None:
    out = tmp_path / "out" / "samples.npy"
    out.parent.mkdir()
    out.write_bytes(b"of yesterday")
    says = refused("sample", faces.checkpoint.folder, "--seed", 10**20, "--out", out)
    assert says.startswith("z's seed must be a whole number from 0 to")

    damaged = tiny.save(tmp_path / "damaged").folder / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    says = refused("sample", damaged.parent, "--out", out)
    assert str(damaged) in says
    assert "damaged or incomplete" in says

    assert out.read_bytes() == b"of yesterday"
    assert list(out.parent.iterdir()) == [out]
