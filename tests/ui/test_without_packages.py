"""The page and the commands where a package of an extra is not installed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.models.checkpoint import load
from dcgan.rendering.engine import Engine
from dcgan.ui.routes import forget, video
from tests import page_process
from tests.page_process import ask, last_line

ROOT = Path(__file__).parents[2]
ABSENT = """
import os
from importlib.machinery import PathFinder

absent, find = os.environ["ABSENT"].split(), PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in absent else find(name, path, target)

PathFinder.find_spec = find_spec
"""
TORCH = (
    "this needs torch, which is not installed here: run `pip install torch`, or install "
    "dcgan[invert]"
)
SAID = f"T{TORCH[1:]}."


def without(folder: Path, *packages: str) -> dict[str, str]:
    """The environment of a process in which these can't be imported."""
    (folder / "sitecustomize.py").write_text(ABSENT)
    path = f"{folder}{os.pathsep}{ROOT}"
    return {**os.environ, "PYTHONPATH": path, "ABSENT": " ".join(packages)}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Over models with a map, with boxes, with classes and with a probe."""
    folder = tmp_path_factory.mktemp("without")
    weights = (ROOT / "weights" / name for name in ("faces", "rooms", "mnist", "imagenet32"))
    command = [sys.executable, "-m", "dcgan", "page", *weights]
    with page_process.serve(command, folder, without(folder, "torch")) as address:
        yield address


def text(name: str, z: str = "z(1,0)") -> str:
    return f"v1:{name}@{load(ROOT / 'weights' / name).hash}:{z}"


def few_boxes() -> dict[str, Any]:
    """Another set than the one whose fit is shipped."""
    boxes = json.loads((ROOT / "weights" / "rooms" / "boxes-windows.json").read_text())
    return {**boxes, "pictures": boxes["pictures"][:8]}


def asked(page: str, route: str, body: Any = None, **query: object) -> tuple[int, bytes]:
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return ask(f"{page}/dcgan/{route}?{urlencode(query)}", content)


def test_torch_can_not_be_imported_there(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import sklearn, gradio; import torch"],
        env=without(tmp_path, "torch"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'torch'"


def test_without_torch_all_that_only_renders_goes_on(page: str) -> None:
    assert ask(page)[0] == 200
    models = {model["name"]: model for model in json.loads(asked(page, "models")[1])}
    assert models.keys() == {"faces", "rooms", "mnist", "imagenet32"}
    assert models["faces"]["map"]["draws"]

    for name, ending in (("faces", ""), ("faces", ":gain(3,0,1.5)"), ("mnist", ":class(3)")):
        status, png = asked(page, "picture", spec=text(name) + ending)
        assert status == 200
        assert np.asarray(Image.open(io.BytesIO(png))).std() > 10
    assert asked(page, "pixels", spec=text("faces", "move(pc1,2,z(1,0))"))[0] == 200
    walk = [text("faces", f"slerp({t},z(1,0),z(1,3))") for t in (0, 0.5, 1)]
    assert asked(page, "sheet", {"specs": walk, "columns": 3})[0] == 200
    film = {"specs": walk, "seconds": 1, "format": "mp4", "size": 64, "scaling": "nearest"}
    assert "mp4" in last_line(asked(page, "film", film)[1])["result"]
    status, shelf = asked(page, "shelf", {"specs": walk})
    assert (status, last_line(shelf)["result"]["zip"][:21]) == (200, "data:application/zip;")

    assert asked(page, "boxes", model="rooms", set="windows")[0] == 200
    assert len(last_line(asked(page, "units", few_boxes())[1])["result"]["maps"]) > 5
    found = asked(page, "exciting", model="mnist", layer=1)
    assert last_line(found[1])["result"]["count"] == 256
    glow = {"specs": [text("rooms")], "columns": 1}
    assert asked(page, "activation", glow, layer=1, map=0)[0] == 200

    weights = models["faces"]["weights"]
    assert asked(page, f"generators/{weights}.wasm.onnx")[0] == 200
    assert asked(page, f"generators/{weights}.tensors")[0] == 200
    assert asked(page, f"directions/{models['faces']['directions_hash']}.json")[0] == 200
    assert asked(page, "results", name="turn")[0] == 200
    answer = Client(page, verbose=False).predict(text("faces"), api_name="/render")
    assert answer["spec"] == text("faces")


def test_without_torch_what_needs_it_is_a_sentence(page: str) -> None:
    photograph = asked(page, "picture", spec=text("faces"))[1]
    for route, body, query in (
        ("look", None, {"spec": text("faces")}),
        ("look", photograph, {"model": "faces"}),
        ("features", None, {"model": "faces"}),
        ("probes", None, {}),
        ("probe", None, {"spec": text("imagenet32")}),
        ("probe", photograph, {"model": "imagenet32"}),
        ("project", photograph, {"model": "faces"}),
        ("exciting", None, {"model": "faces", "layer": 1, "network": "discriminator"}),
    ):
        status, said = asked(page, route, body, **query)
        assert (route, status, json.loads(said)) == (route, 501, {"error": SAID})
    client = Client(page, verbose=False)
    for name, arguments in (("/look", (text("faces"),)), ("/features", ("faces",))):
        with pytest.raises(AppError) as caught:
            client.predict(*arguments, api_name=name)
        assert SAID in str(caught.value)


@pytest.mark.parametrize(
    ("module", "route", "says"),
    [
        ("sklearn.linear_model", "units", "This needs scikit-learn, which is not installed here"),
        ("av", "film", "This needs av, which is not installed here"),
    ],
)
def test_what_is_missing_is_said_before_the_first_line(
    monkeypatch: pytest.MonkeyPatch, module: str, route: str, says: str
) -> None:
    engine = Engine({"rooms": ROOT / "weights" / "rooms"})
    film = {"specs": [text("rooms"), text("rooms", "z(1,1)")], "seconds": 1, "format": "mp4"}
    bodies = {"units": few_boxes(), "film": {**film, "size": 64, "scaling": "nearest"}}
    monkeypatch.setitem(sys.modules, module, None)
    client = TestClient(Starlette(routes=[*forget.routes(engine), *video.routes(engine)]))
    answer = client.post(f"/dcgan/{route}", json=bodies[route])
    assert answer.status_code == 501
    assert answer.json()["error"].startswith(says)


@pytest.mark.parametrize(
    ("absent", "command", "says"),
    [
        ("torch", ("look", "{face}", "out.png"), TORCH),
        ("torch", ("features", "{faces}", "out.png"), TORCH),
        ("torch", ("project", "{faces}", "face.png", "out.png"), TORCH),
        ("gradio", ("page", "{faces}"), "this needs gradio, which is not installed here: run"),
        ("sklearn", ("units", "{rooms}", "boxes.json"), "`pip install scikit-learn`, or install"),
        ("av", ("walk", "{faces}", "--seconds", "1"), "this needs av, which is not installed"),
    ],
)
def test_a_command_says_what_it_needs(
    tmp_path: Path, absent: str, command: tuple[str, ...], says: str
) -> None:
    weights = ROOT / "weights"
    given = {"faces": weights / "faces", "rooms": weights / "rooms", "face": text("faces")}
    (tmp_path / "boxes.json").write_text(json.dumps(few_boxes()))
    ran = subprocess.run(
        [sys.executable, "-m", "dcgan", *(part.format(**given) for part in command)],
        cwd=tmp_path, env=without(tmp_path, absent), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    [line] = ran.stderr.splitlines()
    assert says in line
    assert not {*tmp_path.glob("*.png"), *tmp_path.glob("*.webp")}


def test_a_module_of_our_own_that_is_missing_is_no_sentence(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "dcgan", "render", text("faces"), "out.png"],
        cwd=tmp_path, env=without(tmp_path, "safetensors"), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "Traceback" in ran.stderr
