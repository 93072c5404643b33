"""Route of the Walk tab: a walk as a moving picture; a sentence with a 4xx for the rest."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan import images
from dcgan.engine import Engine, Model
from dcgan.ui import walk
from tests import tiny

ASKED = {"seconds": 0.4, "closed": False, "spherical": False, "scale": 2}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder: Path = tmp_path_factory.mktemp("tiny")
    tiny.save(folder)
    return Engine({"tiny": folder}).model("tiny")


@pytest.fixture(scope="module")
def client(model: Model) -> TestClient:
    return TestClient(Starlette(routes=walk.routes(Engine({"tiny": model.checkpoint.folder}))))


def ends(model: Model) -> list[str]:
    return [str(model.sample(1, index)) for index in (0, 1)]


def test_a_walk_as_a_moving_picture(client: TestClient, model: Model) -> None:
    answer = client.post("/dcgan/walk", json={"stations": ends(model), **ASKED})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line for line in lines[:-1] if "done" not in line] == []
    found = lines[-1]["result"]
    assert len(found["specs"]) == 6
    assert found["specs"][0].endswith(":lerp(0,z(1,0),z(1,1))")
    assert found["specs"][-1].endswith(":lerp(1,z(1,0),z(1,1))")
    with Image.open(io.BytesIO(base64.b64decode(found["webp"].partition(",")[2]))) as moving:
        assert moving.format == "WEBP"
        assert getattr(moving, "n_frames", 1) == 6
        first = np.asarray(moving.convert("RGB"), np.float32)
    engine = Engine({"tiny": model.checkpoint.folder})
    start, end = engine.render([model.sample(1, index) for index in (0, 1)])
    away = [np.abs(first - images.enlarge(picture, 2)).mean() for picture in (start, end)]
    assert away[0] < away[1] / 2  # it is compressed, and these pictures are noise


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stations": "z(1,0)"}, "a list of 2 to 9"),
        ({"stations": ["z(1,0)"]}, "a list of 2 to 9"),
        ({"stations": ["z(1,0)", "z(1,1)"]}, "not the text of a picture"),
        ({"seconds": 21}, "0.1 to 20 seconds, not 21"),
        ({"seconds": "long"}, "0.1 to 20 seconds, not 'long'"),
        ({"closed": "yes"}, "must be true or false"),
        ({"spherical": 1}, "must be true or false"),
        ({"scale": 100}, "enlarged 1 to 4 times, not 100"),
    ],
)
def test_what_is_wrong_is_said(
    client: TestClient, model: Model, change: dict[str, Any], words: str
) -> None:
    answer = client.post("/dcgan/walk", json={"stations": ends(model), **ASKED, **change})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_no_json_is_said(client: TestClient) -> None:
    for content in ("walk", '{"seconds": NaN}', "[]"):
        answer = client.post("/dcgan/walk", content=content)
        assert answer.status_code == 400
        assert answer.json()["error"]


def test_nan_is_no_length(client: TestClient, model: Model) -> None:
    body = json.dumps({"stations": ends(model), **ASKED, "seconds": float("nan")})
    answer = client.post("/dcgan/walk", content=body)
    assert (answer.status_code, "not nan" in answer.json()["error"]) == (400, True)
