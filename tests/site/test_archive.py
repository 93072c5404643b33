"""A shelf as a zip, which draws itself again."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.media import images
from dcgan.paths import REPOSITORY
from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.site.archive import pack_shelf
from dcgan.tasks import run_to_end
from dcgan.ui.routes import shelf
from tests import tiny
from tests.test_classes import DIGITS


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of different sizes, one with a stage."""
    folder = tmp_path_factory.mktemp("weights")
    tiny.save(folder / "faces")
    tiny.save(folder / "faces" / "seen-28k", seed=1)
    tiny.save(folder / "digits", DIGITS)
    return folder


@pytest.fixture(scope="module")
def engine(weights: Path) -> Engine:
    return Engine(discover_checkpoints(weights))


@pytest.fixture(scope="module")
def texts(engine: Engine) -> list[str]:
    drawn = [str(engine.model(name).sample(1, i)) for i in range(4) for name in engine.models]
    return [*drawn, f"{drawn[1]}:gain(1,0,0-3)"]


def unpacked(content: bytes, folder: Path) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        packed.extractall(folder)
        return packed.namelist()


def redraw(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", folder / "redraw.py", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_shelf_draws_itself_again(
    engine: Engine, weights: Path, texts: list[str], tmp_path: Path
) -> None:
    specs = [shelf.read_spec(text, engine) for text in texts]
    names = unpacked(run_to_end(pack_shelf(engine, specs)), tmp_path)
    pngs = [f"{number:02}.png" for number in range(1, 14)]
    assert names == [*pngs, "shelf.json", "redraw.py"]
    listed = json.loads((tmp_path / "shelf.json").read_text())
    assert listed["pictures"] == [
        {"file": name, "spec": text} for name, text in zip(pngs, texts, strict=True)
    ]
    assert [images.read_spec((tmp_path / name).read_bytes()) for name in pngs] == texts

    ran = redraw(tmp_path, weights / "faces", weights / "digits", "--out", "again")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    for name in pngs:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()

    ran = redraw(tmp_path, weights / "digits")
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    model = engine.model("faces")
    says = f"is of faces with the weights {model.checkpoint.hash}: give that checkpoint, too"
    assert says in line


def test_the_same_shelf_is_the_same_zip(engine: Engine, texts: list[str]) -> None:
    specs = [shelf.read_spec(text, engine) for text in texts]
    assert run_to_end(pack_shelf(engine, specs)) == run_to_end(pack_shelf(engine, specs))


def test_the_route_packs_and_says_what_is_wrong(engine: Engine, texts: list[str]) -> None:
    client = TestClient(Starlette(routes=shelf.routes(engine)))
    answer = client.post("/dcgan/shelf", json={"specs": texts})
    *before, last = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["done"] for line in before] == [0.615, 1]
    head, _, content = last["result"]["zip"].partition(";base64,")
    assert head == "data:application/zip"
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(content))) as packed:
        assert len(packed.namelist()) == len(texts) + 2

    for body, words in [
        ({}, "a list of 1 to 99"),
        ({"specs": []}, "a list of 1 to 99"),
        ({"specs": texts[:1] * 100}, "a list of 1 to 99"),
        ({"specs": ["z(1,0)"]}, "not the text of a picture"),
        ({"specs": [7]}, "picture's text"),
    ]:
        refused = client.post("/dcgan/shelf", json=body)
        assert refused.status_code == 400
        assert words in refused.json()["error"]
    missing = client.post("/dcgan/shelf", json={"specs": ["v1:cats@01234567:z(1,0)"]})
    assert missing.status_code == 404
