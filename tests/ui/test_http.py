"""Our routes: pictures by text, and a sentence with a 4xx for everything else."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.latents import operations
from dcgan.media import images
from dcgan.rendering.engine import Engine
from dcgan.ui.serving import http
from tests import tiny


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("tiny")
    tiny.save(folder)
    return Engine({"tiny": folder})


@pytest.fixture(scope="module")
def client(engine: Engine) -> TestClient:
    return TestClient(Starlette(routes=http.routes(engine)))


@pytest.fixture
def text(engine: Engine) -> str:
    return str(engine.model("tiny").sample(3, 4))


def test_a_picture_is_a_png_that_carries_its_text(
    client: TestClient, engine: Engine, text: str
) -> None:
    response = client.get("/dcgan/picture", params={"spec": text})
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert "immutable" in response.headers["cache-control"]
    assert images.read_spec(response.content) == text
    drawn = np.asarray(Image.open(io.BytesIO(response.content)))
    model = engine.model("tiny")
    assert np.array_equal(drawn, model.render([model.sample(3, 4)])[0])


def test_pixels_are_bare_and_opaque(client: TestClient, engine: Engine, text: str) -> None:
    response = client.get("/dcgan/pixels", params={"spec": text})
    assert response.status_code == 200
    assert "immutable" in response.headers["cache-control"]
    model = engine.model("tiny")
    norm = np.linalg.norm(model.z(model.sample(3, 4)))
    assert float(response.headers["x-z-norm"]) == pytest.approx(norm, abs=1e-4)
    drawn = np.frombuffer(response.content, np.uint8).reshape(16, 16, 4)
    assert np.array_equal(drawn[..., :3], model.render([model.sample(3, 4)])[0])
    assert (drawn[..., 3] == 255).all()


def test_a_sheet_holds_pictures_row_by_row_and_their_steps(
    client: TestClient, engine: Engine
) -> None:
    specs = [engine.model("tiny").sample(1, index) for index in range(6)]
    response = client.post(
        "/dcgan/sheet", json={"specs": [str(spec) for spec in specs], "columns": 3}
    )
    assert response.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == (48, 32)
    pictures = engine.render(specs).astype(float)
    change = [np.sqrt(((b - a) ** 2).mean()) for a, b in itertools.pairwise(pictures)]
    assert float(response.headers["x-step-mean"]) == pytest.approx(np.mean(change), abs=1e-2)
    assert float(response.headers["x-step-max"]) == pytest.approx(max(change), abs=1e-2)


def test_models_are_described(client: TestClient, engine: Engine) -> None:
    (described,) = client.get("/dcgan/models").json()
    assert described["name"] == "tiny"
    assert described["weights"] == engine.model("tiny").checkpoint.hash
    assert (described["images_seen"], described["stages"]) == (30_000, [])
    assert described["directions"] == []
    assert described["directions_hash"] == engine.model("tiny").checkpoint.directions_hash


@pytest.mark.parametrize(
    ("spec", "status", "words"),
    [
        (None, 400, "Give the picture's text"),
        ("", 400, "not the text of a picture"),
        ("v1:tiny@00000000:z(nan,0)", 400, "not the text of a picture"),
        ("v1:tiny@00000000:z(1e20,0)", 400, "not the text of a picture"),
        ("v1:tiny@00000000:z(1,0)", 400, "other weights"),
        ("v1:cats@00000000:z(1,0)", 404, "no model called 'cats'"),
        ("z" * 5000, 400, "at most 4096"),
        ("v1:tiny@HASH:gain(9,0,1)", 400, "expected"),
        ("v1:tiny@HASH:z(1,0):gain(9,0,1)", 400, "no layer 9"),
        ("v1:tiny@HASH:z(1,0):gain(1,0,99)", 400, "no map 99"),
        ("v1:tiny@HASH:z(1,0):class(3)", 400, "no classes"),
        ("v1:tiny@HASH:move(pc1,1,z(1,0))", 400, "no direction called 'pc1'"),
    ],
)
def test_a_bad_text_is_answered_with_a_sentence(
    client: TestClient, engine: Engine, spec: str | None, status: int, words: str
) -> None:
    params = {} if spec is None else {
        "spec": spec.replace("HASH", engine.model("tiny").checkpoint.hash)
    }  # fmt: skip
    response = client.get("/dcgan/picture", params=params)
    assert response.status_code == status
    assert words in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "must be JSON"),
        (b"[" * 100_000, 400, "must be JSON"),
        (b"[]", 400, "must be a list"),
        (b'{"specs": "v1"}', 400, "must be a list"),
        (b'{"specs": []}', 400, "1 to 128 pictures, not 0"),
        (b'{"specs": [' + b"1," * 200 + b"1]}", 400, "1 to 128 pictures, not 201"),
        (b'{"specs": [1]}', 400, "Give the picture's text"),
        (b'{"specs": ["x"], "columns": 0}', 400, '"columns"'),
        (b'{"specs": ["x"], "columns": NaN}', 400, '"columns"'),
        (b'{"specs": ["x"], "columns": true}', 400, '"columns"'),
        (b'{"specs": ["x"]}', 400, "not the text"),
        (b" " * 10_000_000, 413, "too large"),
    ],
)
def test_a_bad_sheet_is_answered_with_a_sentence(
    client: TestClient, body: bytes, status: int, words: str
) -> None:
    response = client.post("/dcgan/sheet", content=body)
    assert response.status_code == status
    assert words in response.json()["error"]


def test_the_pages_modules_are_served_as_javascript(client: TestClient) -> None:
    response = client.get("/dcgan/web/core/page.js")
    kind = response.headers["content-type"].partition(";")[0]
    assert kind in ("text/javascript", "application/javascript")  # as the system's table has it
    assert client.get("/dcgan/web/../server.py").status_code == 404


def test_a_request_is_evaluated_once(
    client: TestClient, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text is parsed, checked and evaluated at the edge; the queue and |z| go on from that."""
    calls: Counter[str] = Counter()
    for name in ("evaluate_latent", "layer_gains"):
        real = getattr(operations, name)

        def counted(*given: Any, name: str = name, real: Callable[..., Any] = real) -> Any:
            calls[name] += 1
            return real(*given)

        monkeypatch.setattr(operations, name, counted)
    for path in ("pixels", "picture"):
        calls.clear()
        assert client.get(f"/dcgan/{path}", params={"spec": text}).status_code == 200
        assert calls == {"evaluate_latent": 1, "layer_gains": 1}
