"""Routes of the Forget tab: sets of boxes, fits, overlays; a sentence with a 4xx for the rest."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.analysis import units
from dcgan.models.annotations import AnnotatedImage, BoxSet, parse_boxes
from dcgan.rendering.engine import Engine, Model
from dcgan.tasks import run_to_end
from dcgan.ui.routes import forget
from dcgan.ui.serving import http
from tests import tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("tiny")
    tiny.save(folder)
    drawn = boxes(Engine({"tiny": folder}).model("tiny"))
    (folder / "boxes-corners.json").write_text(drawn.to_json())
    return Engine({"tiny": folder}).model("tiny")


@pytest.fixture(scope="module")
def client(model: Model) -> TestClient:
    engine = Engine({"tiny": model.checkpoint.folder})
    return TestClient(Starlette(routes=[*http.routes(engine), *forget.routes(engine)]))


def boxes(model: Model) -> BoxSet:
    pictures = tuple(AnnotatedImage(model.sample(1, i), ((0.0, 0.0, 7.5, 9.0),)) for i in range(3))
    return BoxSet("corners", 2, pictures)


def test_shipped_sets_are_listed_and_had_by_name(client: TestClient, model: Model) -> None:
    (described,) = client.get("/dcgan/models").json()
    assert described["boxes"] == ["corners"]
    assert described["layers"] == [[8, 4, 4], [4, 8, 8]]
    found = client.get("/dcgan/boxes", params={"model": "tiny", "set": "corners"})
    assert parse_boxes(found.content) == boxes(model)


def test_a_set_is_checked_and_fitted(client: TestClient, model: Model) -> None:
    drawn = boxes(model)
    checked = client.post("/dcgan/boxes", content=json.dumps(json.loads(drawn.to_json())))
    assert checked.text == drawn.to_json()
    fitted = client.post("/dcgan/units", content=drawn.to_json()).text.splitlines()[-1]
    assert json.loads(fitted)["result"] == units.fit_units(model, drawn).table()


def test_for_each_map_the_draws_that_excite_it(client: TestClient, model: Model) -> None:
    lines = client.get("/dcgan/exciting", params={"model": "tiny", "layer": 1}).text.splitlines()
    *done, last = (json.loads(line) for line in lines)
    assert [line["done"] for line in done] == [n / 8 for n in range(1, 9)]
    found = last["result"]
    assert found["draws"] == run_to_end(units.top_activations(model, 1)).draws.tolist()
    assert np.shape(found["cells"]) == (8, 8)
    assert (found["seed"], found["count"]) == (1, 256)


def test_an_overlay_is_opaque_where_the_map_is_active(client: TestClient, model: Model) -> None:
    specs = [model.sample(1, index) for index in range(4)]
    response = client.post(
        "/dcgan/activation?layer=2&map=3",
        json={"specs": [str(spec) for spec in specs], "columns": 2},
    )
    overlay = np.asarray(Image.open(io.BytesIO(response.content)))
    assert overlay.shape == (32, 32, 4)
    alpha = overlay[..., 3].reshape(2, 8, 2, 2, 8, 2).transpose(0, 3, 1, 4, 2, 5)
    alpha = alpha.reshape(4, 8, 8, 4).astype(float)
    assert (alpha.min(axis=3) == alpha.max(axis=3)).all()  # a cell is a square
    active = model.activations(specs, 2)[:, 3]
    assert alpha[..., 0] == pytest.approx(active * alpha.max() / active.max(), abs=0.6)


GOOD = {"specs": ["SPEC"], "columns": 1}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/dcgan/boxes?model=cats&set=corners", None, 400, "no model called 'cats'"),
        ("GET", "/dcgan/boxes?model=tiny&set=beds", None, 404, "no set of boxes called 'beds'"),
        ("GET", "/dcgan/boxes?model=tiny&set=../config", None, 404, "no set of boxes"),
        ("POST", "/dcgan/boxes", "{", 400, "must be JSON"),
        ("POST", "/dcgan/boxes", " " * 10_000_000, 413, "too large"),
        ("POST", "/dcgan/units", "[]", 400, 'must have "version"'),
        ("GET", "/dcgan/exciting?model=tiny&layer=3", None, 400, "layers 1 to 2, not 3"),
        ("GET", "/dcgan/exciting?model=tiny&layer=x", None, 400, "Give layer as a whole number"),
        ("GET", "/dcgan/exciting?model=tiny&layer=1&network=x", None, 400, "must be generator or"),
        ("GET", "/dcgan/exciting?model=tiny&layer=0&network=discriminator", None, 400, "1 to 2"),
        ("GET", "/dcgan/exciting?model=tiny", None, 400, "Give layer as a whole number"),
        ("POST", "/dcgan/activation?layer=2&map=4", GOOD, 400, "maps 0 to 3, not 4"),
        ("POST", "/dcgan/activation?layer=0&map=0", GOOD, 400, "layers 1 to 2, not 0"),
        ("POST", "/dcgan/activation?layer=2", GOOD, 400, "Give map as a whole number"),
        ("POST", "/dcgan/activation?layer=2&map=-1", GOOD, 400, "Give map as a whole number"),
        ("POST", "/dcgan/activation?layer=2&map=1", {"specs": []}, 400, "1 to 128 pictures"),
    ],
)
def test_a_bad_request_is_answered_with_a_sentence(
    client: TestClient, model: Model, method: str, path: str, body: Any, status: int, words: str
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    content = None if body is None else text.replace("SPEC", str(model.sample(1, 0)))
    response = client.request(method, path, content=content)
    assert response.status_code == status
    assert words in response.json()["error"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"layer": 2', '"layer": 7', "Tiny has layers 1 to 2, not 7."),
        ("9]", "99]", "reaches beyond its 16 x 16 pixels"),
        ("@", "@0", "is not the text of a picture"),
        ("v1:tiny", "v1:cats", "There is no model called 'cats'"),
        ("z(1,", "move(pc1,1,z(1,", "is not the text of a picture"),
    ],
)
def test_a_set_that_does_not_fit_the_model_is_refused(
    client: TestClient, model: Model, old: str, new: str, words: str
) -> None:
    text = boxes(model).to_json()
    assert old in text
    for path in ("/dcgan/boxes", "/dcgan/units"):
        response = client.post(path, content=text.replace(old, new))
        assert response.status_code == 400
        assert words in response.json()["error"]


def test_boxes_on_pictures_of_other_weights_are_refused(client: TestClient, model: Model) -> None:
    text = boxes(model).to_json().replace(model.checkpoint.hash, "00000000")
    response = client.post("/dcgan/units", content=text)
    assert response.status_code == 400
    assert "other weights" in response.json()["error"]
