"""The examples of docs/API.md and docs/EXAMPLES.md, as they stand there, on the shipped weights."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan import load
from dcgan.analysis import classifiers
from dcgan.analysis.discriminator import network_input
from dcgan.latents.spec import parse
from dcgan.media import images
from dcgan.media.video import read_texts
from dcgan.paths import REPOSITORY
from dcgan.rendering.engine import Model
from training.attributes import window_segmentation
from training.attributes.landmarks import Landmarks

ADDRESS = "http://127.0.0.1:7860"
JUDGES = REPOSITORY / "weights" / "judges"
WINDOWS = REPOSITORY / "weights" / "rooms" / "units-windows.json"


def read(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text(encoding="utf-8")


def blocks(language: str, count: int) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", read("API.md"), re.DOTALL | re.MULTILINE)
    assert len(found) == count
    return "\n".join(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like the repository's: with its weights, and with `python` and `dcgan` at hand."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "weights").symlink_to(REPOSITORY / "weights")
    (folder / "python").symlink_to(sys.executable)
    return folder


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1"}
    command = [sys.executable, "-W", "error", "app.py"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, text=True, stdout=subprocess.PIPE
    ) as app:
        assert app.stdout is not None
        for line in app.stdout:
            if "Running on" in line:
                break
        else:
            pytest.fail(f"the page ended with {app.wait()}")
        yield f"http://127.0.0.1:{port}"
        app.terminate()


def shape(path: Path) -> tuple[int, ...]:
    return np.asarray(Image.open(path)).shape


def test_the_command_line(folder: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
    }
    ran = subprocess.run(
        ["bash", "-euc", blocks("sh", 4)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")

    drawn = {name: (folder / f"{name}.png").read_bytes()
             for name in ("face", "sum", "turned", "dropped", "all")}  # fmt: skip
    assert len({Image.open(folder / f"{name}.png").tobytes() for name in drawn}) == len(drawn)
    text = images.read_spec(drawn["all"]) or ""
    assert text.startswith("v1:faces@5dd6e077:turn(-0.5,mean(z(1,194),")
    assert text.endswith(":gain(3,0,1.5.7-9)")
    samples = np.load(folder / "samples.npy")
    assert samples.shape == (100, 64, 64, 3)
    assert drawn_as(samples[99], "z(0,99)")
    assert shape(folder / "samples.png") == (8 * 64, 8 * 64, 3)
    assert json.loads((folder / "nearest.json").read_text())["distance"]["pixels"] < 8  # of 255
    with Image.open(folder / "walk.webp") as walk:
        assert (getattr(walk, "n_frames", 1), walk.size) == (30, (128, 128))
    three = read_texts((folder / "walks.mp4").read_bytes())
    assert three[:3] == [f"v1:faces@5dd6e077:z(0,{i})" for i in (0, 5, 10)]
    assert (folder / "walks.txt").read_text().splitlines() == three
    assert len(three) == 3 * 30

    said = {name: json.loads((folder / f"{name}.json").read_text())
            for name in ("units", "exciting", "look", "photograph")}  # fmt: skip
    assert said["units"]["layer"] == 3
    assert np.shape(said["exciting"]["draws"]) == (8, 8)
    assert shape(folder / "exciting.png") == (8 * 64, 8 * 64, 3)
    assert shape(folder / "look.png") == (64, 9 * 64, 3)
    assert said["look"]["trained"]["feature"] == 3
    # face.png is the picture of this text
    assert said["photograph"]["logit"] == pytest.approx(said["look"]["logit"], abs=1e-4)
    assert shape(folder / "features.png") == (12 * 64, 12 * 64, 3)


def test_gradio_client(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    code = blocks("python", 3)
    assert code.count(ADDRESS) == 1
    found: dict[str, Any] = {}
    exec(compile(code.replace(ADDRESS, address), "docs/API.md", "exec"), found)

    picture = urllib.request.urlopen(f"{address}/dcgan/picture?spec={found['face']['spec']}").read()
    assert (folder / "api-face.png").read_bytes() == picture
    assert shape(folder / "api-turned-sum.png") == (64, 64, 3)
    assert images.read_spec((folder / "api-turned-sum.png").read_bytes()) == (
        f"{found['FACES']}:{found['turned']}"
    )
    assert found["fit"]["maps"]
    whole, without = np.split(np.asarray(Image.open(folder / "api-dropped.jpg")).astype(int), 2, 1)
    assert np.abs(whole - without).mean() > 2
    with Image.open(folder / "api-walk.webp") as walk:
        assert getattr(walk, "n_frames", 1) == 30
    assert len(found["walk"]["specs"]) == 30
    assert read_texts((folder / "api-walk.webp").read_bytes()) == found["walk"]["specs"]
    assert read_texts((folder / "api-turn.mp4").read_bytes()) == [
        str(parse(text)) for text in found["turn"]
    ]
    with zipfile.ZipFile(folder / "api-shelf.zip") as packed:
        listed = json.loads(packed.read("shelf.json"))["pictures"]
    assert [parse(picture["spec"]) for picture in listed] == [
        parse(t) for t in found["turn"][:17:4]
    ]
    dropped = parse(f"{found['FACES']}:z(1,0):{found['drop']}").gains
    assert all(parse(spec).gains == dropped for spec in found["walk"]["specs"])
    assert found["look"]["feature"] == 3
    assert {**found["look"], "notes": []} == found["mine"]
    assert found["features"]["numbers"] == list(range(6))
    assert np.shape(found["best"]["draws"]) == (128, 8)
    assert shape(folder / "api-active.png") == (64, 64, 4)
    assert base64.b64decode(found["face"]["png"].partition(",")[2]) == picture
    assert set(found["units"]) == set(json.loads(WINDOWS.read_text())["maps"])
    offered = found["client"].view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert not [name for name in offered if f'api_name="{name}"' not in code]


# --- docs/EXAMPLES.md


EXAMPLES = dict(
    re.findall(
        r"^## ([^\n]+)\n.*?^```python\n(.*?)^```", read("EXAMPLES.md"), re.DOTALL | re.MULTILINE
    )
)
FACES = Model("faces", load(REPOSITORY / "weights" / "faces"))


def drawn_as(picture: np.ndarray, text: str) -> bool:
    """Is this what the page draws?"""
    [expected] = FACES.render([parse(f"v1:faces@{FACES.checkpoint.hash}:{text}")])
    return bool((np.abs(picture.astype(int) - expected) <= 1).all())


def check_sample(grid: np.ndarray) -> None:
    assert grid.shape == (36, 64, 64, 3)
    assert all(drawn_as(picture, f"z(7,{index})") for index, picture in enumerate(grid))
    file = Path("face.png").read_bytes()
    assert images.read_spec(file) == f"v1:faces@{FACES.checkpoint.hash}:z(7,0)"
    assert drawn_as(np.asarray(Image.open("face.png"))[::4, ::4], "z(7,0)")


def check_walk(frames: np.ndarray) -> None:
    assert frames.shape == (90, 64, 64, 3)
    assert [drawn_as(frames[i], f"z(1,{z})") for i, z in ((0, 0), (30, 3), (60, 5))] == [True] * 3
    with Image.open("walk.gif") as film:
        assert (film.format, getattr(film, "n_frames", 1)) == ("GIF", 90)


def check_sum(four: np.ndarray) -> None:
    smiling = classifiers.classify_images(classifiers.load_classifier(JUDGES, "b")[0], four)[
        "smiling"
    ]
    male = classifiers.classify_images(classifiers.load_classifier(JUDGES, "b")[0], four)["male"]
    assert (smiling > 0).tolist() == [True, False, False, True]
    assert (male > 0).tolist() == [False, False, True, True]


def check_turn(nine: np.ndarray) -> None:
    assert drawn_as(nine[4], "z(1,0)")
    yaw = Landmarks().yaw(nine)
    assert np.isfinite(yaw).all()
    assert (np.diff(yaw) > -0.05).all()
    assert yaw[0] < -0.15
    assert yaw[-1] > 0.15


def check_forget(rooms: np.ndarray) -> None:
    coverage, _ = window_segmentation.load_segmenter(JUDGES)[0](np.asarray(rooms))
    share = (
        (coverage > window_segmentation.COVERAGE_THRESHOLD)
        .mean(axis=(1, 2))
        .reshape(4, 4)
        .mean(axis=1)
    )
    assert (np.diff(share) < 0).all()
    assert share[-1] < 0.3 * share[0]


def check_lengths(sixteen: np.ndarray) -> None:
    rows = sixteen.reshape(4, 4, -1).astype(float)
    assert all(drawn_as(sixteen[8 + i], f"z(1,{z})") for i, z in enumerate((0, 2, 3, 5)))
    assert (np.diff(rows.std(axis=2).mean(axis=1)) > 0).all()


def check_number(two: np.ndarray) -> None:
    # the generator itself, in place of the one that draws texts
    z = np.random.default_rng(0).uniform(-1, 1, 100)
    every = np.concatenate([z[None], np.where(np.eye(100), -z, z)]).astype(np.float32)
    with torch.inference_mode():
        pictures = images.to_uint8(
            FACES.checkpoint.generator()(torch.from_numpy(every)).numpy(), "tanh"
        )
    change = np.abs(pictures[1:].astype(float) - pictures[0]).mean(axis=(1, 2, 3))
    assert np.abs(two[0].astype(int) - pictures[0]).max() <= 2
    assert np.abs(two[1].astype(int) - pictures[1 + change.argmax()]).max() <= 2


def check_digits(hundred: np.ndarray) -> None:
    by_class = hundred[..., 0].reshape(10, 10, -1).astype(float)  # hand, class, pixels
    means = by_class.mean(axis=0)
    nearest = np.linalg.norm(by_class[:, :, None] - means, axis=3).argmin(axis=2)
    assert (nearest == np.arange(10)).mean() > 0.8
    with Image.open("digits.png") as sheet:
        assert sheet.size == (840, 840)


def check_belief(sixteen: np.ndarray) -> None:
    network = FACES.checkpoint.discriminator()
    with torch.inference_mode():
        score = network(network_input(np.asarray(sixteen), FACES.config)).flatten().numpy()
    assert (np.diff(score) < 1e-3).all()
    assert score[7] > score[8] + 1


def check_stages(rows: np.ndarray) -> None:
    assert rows.shape == (25, 64, 64, 3)
    assert all(drawn_as(rows[20 + i], f"z(1,{i})") for i in range(5))
    apart = rows.reshape(5, 5, -1).astype(float).std(axis=1).mean(axis=1)
    assert apart[0] < 0.6 * apart[-1], "at first all faces are nearly one"


SEEN = {
    "Sample": check_sample,
    "Walk": check_walk,
    "Add and subtract": check_sum,
    "Turn a head": check_turn,
    "Forget windows": check_forget,
    "Longer and shorter z": check_lengths,
    "One number of z": check_number,
    "Digits by their class": check_digits,
    "What the discriminator believes": check_belief,
    "Earlier in training": check_stages,
}


def test_there_are_ten_short_examples_and_what_each_shows_is_checked() -> None:
    assert list(EXAMPLES) == list(SEEN)
    assert len(EXAMPLES) == 10
    assert all(len(code.splitlines()) < 12 for code in EXAMPLES.values())


@pytest.mark.parametrize("title", SEEN)
def test_an_example_shows_what_stands_above_it(
    title: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    *statements, last = ast.parse(EXAMPLES[title]).body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}
    exec(compile(ast.Module(statements, []), title, "exec"), names)
    pictures = eval(compile(ast.Expression(last.value), title, "eval"), names)
    assert pictures._repr_png_() is not None, "a notebook would show numbers"
    SEEN[title](pictures)
