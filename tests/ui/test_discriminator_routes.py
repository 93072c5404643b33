"""The Discriminator tab's routes: what D sees, and every kind of file that a visitor may give."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.analysis import probe, saliency
from dcgan.analysis.discriminator import network_input
from dcgan.models import checkpoint
from dcgan.rendering.engine import Engine
from dcgan.ui.routes import discriminator
from dcgan.ui.routes.discriminator import MAX_UPLOAD
from tests import tiny
from tests.analysis.test_probe import CLASSES, FACTS, fitted
from tests.media.test_uploads import SIZE, encoded, halves, sides
from tests.writing import writing


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("weights")
    whole = tiny.save(folder / "tiny")
    tiny.save(folder / "digits", dataclasses.replace(tiny.CONFIG, classes=3))
    checkpoint.save(folder / "stage", whole.generator(), None, tiny.CARD)
    named = tiny.save(folder / "named")
    probe.save_probe(named.folder, *fitted(named))
    names = {"tiny": "tiny", "digits": "digits", "named": "named", "tiny/stage": "stage"}
    return Engine({name: folder / source for name, source in names.items()})


@pytest.fixture(scope="module")
def client(engine: Engine) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saliency, "SURVEY_SAMPLES", 30)
        yield TestClient(Starlette(routes=discriminator.routes(engine)))


def result(response: Any) -> Any:
    """Of an answer in lines, after ever larger fractions."""
    assert response.status_code == 200, response.text
    *done, last = (json.loads(line) for line in response.text.splitlines())
    fractions = [line["done"] for line in done]
    assert fractions == sorted(fractions)
    return last["result"]


def opened(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_d_looks_at_a_picture_by_its_text(client: TestClient, engine: Engine) -> None:
    model = engine.model("tiny")
    spec = model.sample(8, 2)
    found = result(client.get("/dcgan/look", params={"spec": str(spec), "feature": 3}))
    picture = model.render([spec])
    assert np.array_equal(opened(found["picture"]), picture[0])
    logit = model.checkpoint.discriminator()(network_input(picture, model.config))
    assert found["logit"] == pytest.approx(float(logit), abs=1e-5)
    assert found["feature"] == 3
    assert found["features"] == 8
    assert found["usual"] == sorted(found["usual"])
    assert len({part["feature"] for part in found["strongest"]}) == 6
    for part in (found["trained"], found["random"], *found["strongest"]):
        assert opened(part["gradient"]).shape == (SIZE, SIZE, 3)
    (same,) = [p for p in found["strongest"] if p["feature"] == 3] or [found["trained"]]
    assert same["response"] == found["trained"]["response"]


def test_a_class_conditional_d_is_told_the_class(client: TestClient, engine: Engine) -> None:
    text = str(engine.model("digits").sample(1, 0))
    texts = [text.replace("class(0)", f"class({label})") for label in (0, 1)]
    one, other = (result(client.get("/dcgan/look", params={"spec": text})) for text in texts)
    assert one["logit"] != other["logit"]
    refused = client.post("/dcgan/look?model=digits", content=encoded(halves()))
    assert refused.status_code == 400
    assert "has to be told a picture's class" in refused.json()["error"]


def test_a_probe_names_a_picture_by_its_text_and_an_upload_alike(
    client: TestClient, engine: Engine
) -> None:
    assert client.get("/dcgan/probes").json() == {
        "named": {"classes": list(CLASSES), "facts": FACTS}
    }
    model = engine.model("named")
    spec = model.sample(8, 2)
    [picture] = model.render([spec])
    by_text = client.get("/dcgan/probe", params={"spec": str(spec)}).json()
    loaded = probe.load_probe(model.checkpoint)
    assert loaded
    assert by_text == probe.answer_json(*loaded, picture)
    content = encoded(Image.fromarray(picture))
    assert client.post("/dcgan/probe?model=named", content=content).json() == by_text


def test_without_a_probe_there_is_no_name(client: TestClient, engine: Engine) -> None:
    for name in ("tiny", "digits", "tiny/stage"):
        spec = str(engine.model(name).sample(8, 2))
        assert client.get("/dcgan/probe", params={"spec": spec}).json() is None
    assert client.post("/dcgan/probe?model=tiny", content=encoded(halves())).json() is None


def test_a_probe_that_does_not_fit_is_a_sentence(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    probe.save_probe(tmp_path, *fitted(weights))
    (tmp_path / "probe.safetensors").write_bytes(b"of a part")
    broken = Engine({"tiny": tmp_path})
    routes = TestClient(Starlette(routes=discriminator.routes(broken)))
    response = routes.get(f"/dcgan/probe?spec={broken.model('tiny').sample(1)}")
    assert response.status_code == 500
    assert "probe.safetensors can't be read" in response.json()["error"]


def test_features_come_with_their_strongest_draws(client: TestClient, engine: Engine) -> None:
    found = result(client.get("/dcgan/features", params={"model": "tiny", "first": 6}))
    assert (found["numbers"], found["features"], found["samples"]) == ([6, 7], 8, 30)
    for name in ("trained", "random"):
        part = found[name]
        assert opened(part["sheet"]).shape == (2 * 2 * SIZE, 6 * SIZE, 3)
        for row in (part["responses"][:6], part["responses"][6:]):
            assert row == sorted(row, reverse=True)
        model = engine.model("tiny")
        samples = [str(model.sample(saliency.SURVEY_SEED, index)) for index in range(30)]
        assert set(part["specs"]) <= set(samples)
        first = result(client.get("/dcgan/look", params={"spec": part["specs"][0], "feature": 6}))
        assert first[name]["response"] == pytest.approx(part["responses"][0], abs=1e-4)


def test_an_upload_is_what_its_text_would_be(client: TestClient, engine: Engine) -> None:
    model = engine.model("tiny")
    spec = model.sample(8, 2)
    content = encoded(Image.fromarray(model.render([spec])[0]))
    by_text = result(client.get("/dcgan/look", params={"spec": str(spec), "feature": 1}))
    uploaded = result(client.post("/dcgan/look?model=tiny&feature=1", content=content))
    assert uploaded == {**by_text, "notes": []}


def test_an_upload_is_never_written(client: TestClient) -> None:
    client.post("/dcgan/look?model=tiny", content=encoded(halves()))  # reads the weights
    client.post("/dcgan/probe?model=named", content=encoded(halves()))
    with writing() as written:
        large = encoded(halves().resize((1500, 1500)), "TIFF")  # 7 MB
        assert client.post("/dcgan/look?model=tiny", content=large).status_code == 200
        assert client.post("/dcgan/look?model=tiny", content=b"no picture").status_code == 400
        assert client.post("/dcgan/probe?model=named", content=large).status_code == 200
    assert written == []


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "This file is empty"),
        (b"These are words, in a file called portrait.png.", 400, "not a picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 400, "not a picture that can"),
        (encoded(halves().resize((300, 300)), "JPEG")[:900], 400, "broken or incomplete"),
        (encoded(halves())[:60], 400, "broken or incomplete"),
        (sides(7000, 6000), 413, "has 7,000 x 6,000 pixels"),
        (sides(10_000, 10_000), 413, "at most 40 million|far more than the 40 million"),
        (sides(20_000, 20_000), 413, "far more than the 40 million"),
        (b"\x89PNG" + bytes(MAX_UPLOAD), 413, "at most 10 MB"),
    ],
    ids=["empty", "words", "eps", "half a jpeg", "a bit of a png", "42", "100", "400", "11 MB"],
)  # fmt: skip
def test_anything_else_is_answered_with_a_sentence(
    client: TestClient, content: bytes, status: int, words: str
) -> None:
    for route in ("look?model=tiny", "probe?model=named"):
        response = client.post(f"/dcgan/{route}", content=content)
        assert response.status_code == status
        assert any(word in response.json()["error"] for word in words.split("|"))


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("look", 400, "Give the picture's text"),
        ("look?spec=x", 400, "not the text of a picture"),
        ("look?spec=v1:tiny@00000000:z(1,0)", 400, "other weights"),
        ("look?spec=v1:tiny@HASH:z(1,0)&feature=8", 400, "features 0 to 7, not 8"),
        ("look?spec=v1:tiny@HASH:z(1,0)&feature=-1", 400, "Give feature as a whole number"),
        ("look?spec=v1:tiny/stage@STAGE:z(1,0)", 404, "no discriminator to look into"),
        ("probe?spec=v1:named@00000000:z(1,0)", 400, "other weights"),
        ("features?model=cats", 400, "no model called 'cats'"),
        ("features?model=tiny/stage", 404, "the stages of a training run are kept without"),
        ("features?model=tiny&first=8", 400, "features 0 to 7, not 8"),
        ("features?model=tiny&first=1e9", 400, "Give first as a whole number"),
    ],
)
def test_a_bad_question_is_answered_with_a_sentence(
    client: TestClient, engine: Engine, path: str, status: int, words: str
) -> None:
    path = path.replace("HASH", engine.model("tiny").checkpoint.hash)
    path = path.replace("STAGE", engine.model("tiny/stage").checkpoint.hash)
    response = client.get(f"/dcgan/{path}")
    assert response.status_code == status
    assert words in response.json()["error"]
