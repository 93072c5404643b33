"""Route of films: a sentence with a 4xx for what can't be one. What is in them: test_films.py."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.media.video import FORMATS, VideoOptions, encode_video, read_texts
from dcgan.paths import REPOSITORY
from dcgan.rendering.engine import Engine, Model
from dcgan.tasks import run_to_end
from dcgan.ui.routes import video
from tests import tiny

ASKED = {"seconds": 0.4, "format": "webp", "size": 64, "scaling": "nearest"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder: Path = tmp_path_factory.mktemp("tiny")
    tiny.save(folder)
    return Engine({"tiny": folder})


@pytest.fixture(scope="module")
def model(engine: Engine) -> Model:
    return engine.model("tiny")


@pytest.fixture(scope="module")
def client(engine: Engine) -> TestClient:
    return TestClient(Starlette(routes=video.routes(engine)))


def texts(model: Model, count: int = 6) -> list[str]:
    return [str(model.sample(1, index)) for index in range(count)]


@pytest.mark.parametrize("kind", FORMATS)
def test_texts_become_a_film(client: TestClient, model: Model, kind: str) -> None:
    body = {**ASKED, "specs": [f" {text}" for text in texts(model)], "format": kind}
    answer = client.post("/dcgan/film", json=body)
    *before, last = [json.loads(line) for line in answer.text.splitlines()]
    done = [line["done"] for line in before]
    assert done
    assert done == sorted(done)
    found = last["result"]
    assert found["specs"] == texts(model), "in their canonical form"
    head, _, content = found[kind].partition(";base64,")
    assert head == ("data:video/mp4" if kind == "mp4" else f"data:image/{kind}")
    frames = np.concatenate([model.render([model.sample(1, index)]) for index in range(6)])
    made = base64.b64decode(content)
    assert read_texts(made) == texts(model)
    assert made == run_to_end(
        encode_video(frames, texts(model), VideoOptions(kind, 0.4, 64, "nearest"))
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"specs": "z(1,0)"}, "a list of 2 to 300"),
        ({"specs": ["z(1,0)"]}, "a list of 2 to 300"),
        ({"specs": ["z(1,0)"] * 301}, "a list of 2 to 300"),
        ({"specs": ["z(1,0)", "z(1,1)"]}, "not the text of a picture"),
        ({"seconds": 21}, "A film takes 0.1 to 20 seconds, not 21."),
        ({"seconds": "long"}, "A film takes 0.1 to 20 seconds, not 'long'."),
        ({"seconds": float("nan")}, "not nan"),
        ({"seconds": 0.1}, "6 frames in 0.1 seconds are more than 30 a second"),
        ({"format": "avi"}, "A film is mp4, gif, webp or png, not 'avi'."),
        ({"format": None}, "not None"),
        ({"size": 2048}, "an even number of pixels from 64 to 1024, not 2048"),
        ({"size": "64"}, "not '64'"),
        ({"scaling": {}}, "scaled by nearest, bicubic or lanczos, not {}"),
    ],
)
def test_what_is_wrong_is_said(
    client: TestClient, model: Model, change: dict[str, Any], words: str
) -> None:
    body = json.dumps({"specs": texts(model), **ASKED, **change})
    answer = client.post("/dcgan/film", content=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("kind", "size", "most"), [("mp4", 1024, 152), ("gif", 512, 152), ("png", 1024, 15)]
)
def test_the_pixels_of_a_film_are_bounded(engine: Engine, kind: str, size: int, most: int) -> None:
    wanted = {"seconds": 20, "format": kind, "size": size, "scaling": "nearest"}
    specs = texts(engine.model("tiny"), most + 1)
    with pytest.raises(video.RequestError, match=f"million pixels, and a {kind} has at most"):
        next(video.make_video(engine, specs, **wanted))
    next(video.make_video(engine, specs[:most], **wanted))


def test_no_json_and_too_much_of_it_is_said(client: TestClient) -> None:
    for content in ("film", '{"seconds": NaN}', "[]"):
        answer = client.post("/dcgan/film", content=content)
        assert answer.status_code == 400
        assert answer.json()["error"]
    answer = client.post("/dcgan/film", content=b" " * (video.MAX_BODY + 1))
    assert (answer.status_code, "at most 1.2 MB" in answer.json()["error"]) == (413, True)


def test_the_page_starts_without_ffmpeg() -> None:
    """It takes 40 MB of memory."""
    code = "import sys, dcgan.ui.page; print('av' in sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_a_walk_is_a_film_of_the_way(engine: Engine, model: Model) -> None:
    made = video.make_walk_video(engine, texts(model, 2), 0.4, False, False, "png", 64, "nearest")
    found = run_to_end(made)
    assert len(found["specs"]) == 6
    assert found["specs"][::5] == texts(model, 2)
    assert found["specs"][1].endswith(":lerp(0.2,z(1,0),z(1,1))")
    content = base64.b64decode(found["png"].partition(",")[2])
    assert read_texts(content) == found["specs"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keyframes": ["z(1,0)"]}, "a list of 2 to 9"),
        ({"closed": "yes"}, "must be true or false"),
        ({"spherical": 1}, "must be true or false"),
        ({"seconds": 21}, "0.1 to 20 seconds, not 21"),
    ],
)
def test_what_is_wrong_with_a_walk_is_said(
    engine: Engine, model: Model, change: dict[str, Any], words: str
) -> None:
    asked = {"keyframes": texts(model, 2), "closed": True, "spherical": True, **ASKED}
    with pytest.raises(video.RequestError, match=words):
        next(video.make_walk_video(engine, **{**asked, **change}))
