"""The route of the tab Your photo: what comes nearest to a file, and every kind of file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.analysis import encoder, inversion
from dcgan.latents.spec import parse
from dcgan.models import checkpoint
from dcgan.rendering.engine import Engine
from dcgan.ui.routes import photo
from dcgan.ui.routes.discriminator import MAX_UPLOAD
from tests import tiny
from tests.media.test_uploads import SIZE, encoded, halves, sides
from tests.ui.test_discriminator_routes import opened
from tests.writing import writing


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("weights")
    whole = tiny.save(folder / "tiny")
    checkpoint.save(folder / "stage", whole.generator(), None, tiny.CARD)
    return Engine({"tiny": folder / "tiny", "tiny/stage": folder / "stage"})


@pytest.fixture(scope="module")
def client(engine: Engine) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inversion, "START_SAMPLES", 64)
        patch.setattr(inversion, "STEPS", 30)
        yield TestClient(Starlette(routes=photo.routes(engine)))


def lines(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def test_what_is_found_comes_with_what_there_is_to_see_on_the_way(
    client: TestClient, engine: Engine
) -> None:
    model = engine.model("tiny")
    [picture] = model.render([model.sample(4, 2)])
    content = encoded(Image.fromarray(picture))
    *done, last = lines(client.post("/dcgan/project?model=tiny", content=content))
    fractions = [line["done"] for line in done]
    assert fractions == sorted(fractions)
    crop, *way = [line["seen"] for line in done if "seen" in line]
    assert np.array_equal(opened(crop["crop"]), picture)
    assert crop["notes"] == []
    found = last["result"]
    spec = parse(found["spec"])
    texts = [parse(text) for text in way]
    far = [float(np.square(drawn.astype(float) - picture).mean()) for drawn in model.render(texts)]
    assert len(way) == 30 // inversion.STEPS_PER_PREVIEW
    assert far[-1] < far[0]
    [drawn] = model.render([spec])
    apart = np.square(drawn.astype(float) - picture).mean() ** 0.5
    assert found["distance"]["pixels"] == pytest.approx(apart, abs=1e-3)
    nearest = [start["pixels"] for start in found["starts"]]
    assert nearest == sorted(nearest)
    assert {start["kind"] for start in found["starts"]} == {"nearest"}


def test_an_upload_is_never_written(client: TestClient) -> None:
    client.post("/dcgan/project?model=tiny", content=encoded(halves()))  # reads the weights
    with writing() as written:
        large = encoded(halves().resize((1500, 1500)), "TIFF")  # 7 MB
        lines(client.post("/dcgan/project?model=tiny", content=large))
        assert client.post("/dcgan/project?model=tiny", content=b"words").status_code == 400
    assert written == []


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "This file is empty"),
        (b"These are words, in a file called portrait.png.", 400, "not a picture that can be read"),
        (encoded(halves().resize((300, 300)), "JPEG")[:900], 400, "broken or incomplete"),
        (sides(7000, 6000), 413, "has 7,000 x 6,000 pixels"),
        (b"\x89PNG" + bytes(MAX_UPLOAD), 413, "at most 10 MB"),
    ],
    ids=["empty", "words", "half a jpeg", "42", "11 MB"],
)
def test_anything_else_is_answered_with_a_sentence(
    client: TestClient, content: bytes, status: int, words: str
) -> None:
    response = client.post("/dcgan/project?model=tiny", content=content)
    assert response.status_code == status
    assert words in response.json()["error"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("model=cats", 400, "no model called 'cats'"),
        ("model=tiny&cut=nose", 400, '"cut" is face or middle'),
        ("model=tiny/stage", 404, "no discriminator to compare pictures with"),
    ],
)
def test_a_bad_question_is_answered_with_a_sentence(
    client: TestClient, query: str, status: int, words: str
) -> None:
    picture = encoded(halves().resize((SIZE, SIZE)))
    response = client.post(f"/dcgan/project?{query}", content=picture)
    assert response.status_code == status
    assert words in response.json()["error"]


def test_without_a_face_it_is_another_status(client: TestClient, engine: Engine) -> None:
    """Which the page knows: it offers the middle square then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inversion, "generates_faces", lambda model: True)
        flat = encoded(Image.new("RGB", (300, 300), "grey"))
        response = client.post("/dcgan/project?model=tiny", content=flat)
        assert response.status_code == 422
        assert "No face was found" in response.json()["error"]
        assert lines(client.post("/dcgan/project?model=tiny&cut=middle", content=flat))
        for size, status, words in (
            ((1, 5000), 400, "each side needs at least 8"),
            ((5000, 1), 400, "each side needs at least 8"),
            ((8, 5000), 422, "No face was found"),  # OpenCV can't make it smaller
        ):
            thin = encoded(Image.new("RGB", size, "grey"))
            response = client.post("/dcgan/project?model=tiny", content=thin)
            assert response.status_code == status
            assert words in response.json()["error"]


@pytest.mark.parametrize("file", ["encoder.json", "encoder.safetensors"])
def test_a_damaged_encoder_costs_its_starting_guess_only(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inversion, "START_SAMPLES", 64)
    monkeypatch.setattr(inversion, "STEPS", 5)
    tiny.save(tmp_path)
    torch.manual_seed(0)
    encoder.save_encoder(tmp_path, encoder.Encoder(tiny.CONFIG, (4, 8)).eval(), {})

    def kinds() -> list[str]:
        """Of the starts of a search, on a page that is opened anew."""
        page = TestClient(Starlette(routes=photo.routes(Engine({"tiny": tmp_path}))))
        response = page.post("/dcgan/project?model=tiny", content=encoded(halves()))
        return sorted(start["kind"] for start in lines(response)[-1]["result"]["starts"])

    assert kinds() == ["encoder", *["nearest"] * inversion.NEAREST_STARTS]
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:-20])
    assert kinds() == ["nearest"] * inversion.NEAREST_STARTS
