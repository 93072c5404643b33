"""A model that is told which class to draw (appendix): everywhere where models can be used."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.analysis import saliency, units
from dcgan.config import MNIST
from dcgan.latents import interpolation
from dcgan.latents.spec import Draw, Slerp, parse
from dcgan.media import images
from dcgan.media.video import VideoOptions, encode_video, read_texts
from dcgan.models.annotations import AnnotatedImage, BoxSet
from dcgan.rendering.engine import Engine, Model
from dcgan.tasks import run_to_end
from dcgan.ui.routes import discriminator, forget, video
from dcgan.ui.serving import http
from tests import tiny
from tests.test_cli import done, refused

DIGITS = replace(
    MNIST, z_size=8, generator_widths=(8, 4), discriminator_widths=(4, 8), hidden_dense=16
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("digits")
    tiny.save(folder, DIGITS)
    return Engine({"digits": folder})


@pytest.fixture
def model(engine: Engine) -> Model:
    return engine.model("digits")


@pytest.fixture(scope="module")
def client(engine: Engine) -> TestClient:
    tabs = (http, video, forget, discriminator)
    return TestClient(Starlette(routes=[route for tab in tabs for route in tab.routes(engine)]))


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def result(response: Any) -> Any:
    """Of an answer in lines."""
    assert response.status_code == 200, response.text
    return json.loads(response.text.splitlines()[-1])["result"]


def test_draws_go_through_the_classes_or_by_turns(model: Model) -> None:
    assert [model.sample(3, index).label for index in (0, 9, 10)] == [0, 9, 0]
    assert str(model.sample(3, 5, turn=12)).endswith(":z(3,5):class(2)")


def test_a_grey_picture_is_one_of_three_equal_channels(client: TestClient, model: Model) -> None:
    text = str(model.sample(1, 4))
    content = client.get("/dcgan/picture", params={"spec": text}).content
    drawn = opened(content)
    assert images.read_spec(content) == text
    assert drawn.shape == (28, 28, 3)
    assert (drawn == drawn[..., :1]).all()
    assert drawn.max() > 1.5 * drawn.min()
    pixels = np.frombuffer(client.get("/dcgan/pixels", params={"spec": text}).content, np.uint8)
    assert (pixels.reshape(28, 28, 4)[..., :3] == drawn).all()


def test_a_table_of_classes_is_a_sheet(client: TestClient, model: Model) -> None:
    specs = [model.sample(1, row, turn=label) for row in range(2) for label in range(10)]
    body = {"specs": [str(spec) for spec in specs], "columns": 10}
    drawn = opened(client.post("/dcgan/sheet", json=body).content)
    assert drawn.shape == (2 * 28, 10 * 28, 3)
    assert len(np.unique(model.render(specs[:10]), axis=0)) == 10


def test_a_walk_keeps_the_class_of_the_keyframe_it_left(engine: Engine, model: Model) -> None:
    keyframes = [str(model.sample(1, 0, turn=3)), str(model.sample(1, 1, turn=7))]
    found = run_to_end(
        video.make_walk_video(engine, keyframes, 0.4, True, True, "webp", 84, "nearest")
    )
    assert [parse(text).label for text in found["specs"]] == [3] * 3 + [7] * 3
    assert parse(found["specs"][1]).z == Slerp(1 / 3, Draw(1, 0), Draw(1, 1))


@pytest.mark.parametrize("labels", [range(10), [4] * 10], ids=["all classes", "one class"])
def test_maps_are_found_in_boxes(client: TestClient, model: Model, labels: Any) -> None:
    box = ((0.0, 0.0, 14.0, 14.0),)
    pictures = tuple(AnnotatedImage(model.sample(1, i, turn=k), box) for i, k in enumerate(labels))
    drawn = BoxSet("corners", 2, pictures)
    found = result(client.post("/dcgan/units", content=drawn.to_json()))
    assert found == units.fit_units(model, drawn).table()
    assert found["inside"] == 10 * 7 * 7


@pytest.mark.parametrize("network", [units.GENERATOR, units.DISCRIMINATOR])
def test_what_excites_maps_is_of_every_class(client: TestClient, network: str) -> None:
    query = {"model": "digits", "layer": 2, "network": network}
    found = result(client.get("/dcgan/exciting", params=query))
    assert np.shape(found["draws"]) == ((4, 8) if network == units.GENERATOR else (8, 8))
    assert len({index % 10 for row in found["draws"] for index in row}) > 2


def test_d_is_told_the_class_of_samples_and_refuses_files(
    client: TestClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saliency, "SURVEY_SAMPLES", 40)
    seeking = result(client.get("/dcgan/features", params={"model": "digits", "first": 0}))
    assert all(parse(text).label is not None for text in seeking["trained"]["specs"])
    looks = [
        result(client.get("/dcgan/look", params={"spec": str(model.sample(1, 0, turn=label))}))
        for label in (2, 3)
    ]
    assert looks[0]["logit"] != looks[1]["logit"]
    file = images.encode_png(model.render([model.sample(1, 0)])[0])
    refused = client.post("/dcgan/look?model=digits", content=file)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("The discriminator of digits has to be told")


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ("", "Digits draws 10 classes: add :class(0) to :class(9)."),
        (":class(10)", "Digits has classes 0 to 9, not 10."),
        (":class(1):class(2)", "one class(...) at most"),
    ],
)
def test_a_text_without_its_class_is_refused_by_every_route(
    client: TestClient, model: Model, edits: str, words: str
) -> None:
    text = f"v1:digits@{model.checkpoint.hash}:z(1,0){edits}"
    moving = {"seconds": 1, "format": "webp", "size": 64, "scaling": "nearest"}
    boxed = {"version": 1, "name": "x", "layer": 1, "pictures": [{"spec": text, "boxes": []}]}
    answers = [
        client.get("/dcgan/picture", params={"spec": text}),
        client.get("/dcgan/pixels", params={"spec": text}),
        client.get("/dcgan/look", params={"spec": text}),
        client.post("/dcgan/sheet", json={"specs": [text], "columns": 1}),
        client.post("/dcgan/activation?layer=1&map=0", json={"specs": [text], "columns": 1}),
        client.post("/dcgan/boxes", json=boxed),
        client.post("/dcgan/units", json=boxed),
        client.post("/dcgan/film", json={"specs": [text] * 2, **moving}),
    ]
    for answer in answers:
        assert answer.status_code == 400, answer.url
        assert words in answer.json()["error"]


def test_the_command_line_draws_classes_in_columns_and_walks_in_one(
    model: Model, tmp_path: Path
) -> None:
    folder, out, grid = model.checkpoint.folder, tmp_path / "samples.npy", tmp_path / "grid.png"
    done("sample", folder, "--count", 20, "--seed", 4, "--out", out, "--grid", grid)
    assert np.load(out).shape == (20, 28, 28, 3)
    assert (np.asarray(Image.open(grid)) == images.make_grid(np.load(out), 10)).all()

    moving = tmp_path / "walk.webp"
    asked = ("--count", 2, "--keyframes", 2, "--seed", 4, "--seconds", 0.2, "--size", 84)
    done("walk", folder, *asked, "--out", moving)
    ways = [[model.sample(4, 2 * row + i, turn=row) for i in range(2)] for row in range(2)]
    rows = [interpolation.walk_frames(way, 0.2, closed=True, spherical=True) for way in ways]
    drawn = zip(*map(model.render, rows), strict=True)
    frames = np.stack([images.make_grid(np.stack(pair)) for pair in drawn])
    found = moving.read_bytes()
    texts = read_texts(found)
    assert [parse(text).label for text in texts] == [0, 1] * 3
    film = VideoOptions("webp", 0.2, 84, "nearest")
    assert found == run_to_end(encode_video(frames, texts, film))


def test_the_command_line_says_what_d_has_to_be_told(model: Model, tmp_path: Path) -> None:
    file, folder = tmp_path / "digit.png", model.checkpoint.folder
    done("render", model.sample(1, 7), file, "--weights", folder)
    asked = ("look", file, tmp_path / "look.png", "--weights", folder, "--model", "digits")
    assert refused(*asked).startswith("the discriminator of digits has to be told")
    done("look", model.sample(1, 7), tmp_path / "look.png", "--weights", folder)
