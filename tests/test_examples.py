"""The examples of docs/API.md, as they stand there, on the shipped weights."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dcgan import hub, images
from dcgan.spec import parse

ADDRESS = "http://127.0.0.1:7860"


def blocks(language: str) -> str:
    text = (hub.ROOT / "docs" / "API.md").read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(found) == 3
    return "\n".join(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like the repository's: with its weights, and with `python` and `dcgan` at hand."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "weights").symlink_to(hub.ROOT / "weights")
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
        command, cwd=hub.ROOT, env=environment, text=True, stdout=subprocess.PIPE
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
        "PYTHONPATH": str(hub.ROOT),
    }
    ran = subprocess.run(
        ["bash", "-euc", blocks("sh")], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")

    drawn = {name: (folder / f"{name}.png").read_bytes()
             for name in ("face", "sum", "turned", "dropped", "all")}  # fmt: skip
    assert len({Image.open(folder / f"{name}.png").tobytes() for name in drawn}) == len(drawn)
    text = images.read_spec(drawn["all"]) or ""
    assert text.startswith("v1:faces@5dd6e077:turn(-0.5,mean(z(1,194),")
    assert text.endswith(":gain(3,0,1.5.7-9)")
    with Image.open(folder / "walk.webp") as walk:
        assert (getattr(walk, "n_frames", 1), walk.size) == (30, (128, 128))

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
    code = blocks("python")
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
    dropped = parse(f"{found['FACES']}:z(1,0):{found['drop']}").gains
    assert all(parse(spec).gains == dropped for spec in found["walk"]["specs"])
    assert found["look"]["feature"] == 3
    assert {**found["look"], "notes": []} == found["mine"]
    assert found["sought"]["numbers"] == list(range(6))
    assert np.shape(found["best"]["draws"]) == (128, 8)
    assert shape(folder / "api-active.png") == (64, 64, 4)
    assert base64.b64decode(found["face"]["png"].partition(",")[2]) == picture
