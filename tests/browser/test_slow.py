"""What takes seconds, on the page and by gradio_client: progress, a stop that the server heeds,
and a new start. The work is held at its third step, so that nothing here hangs on speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect

from dcgan.rendering.engine import BATCH_SIZE, Engine, Model
from dcgan.ui.routes.video import MAX_SECONDS
from tests.browser.conftest import Open, faces_alone, painted, serve, wait_painted
from tests.browser.test_walk import open_walk

HELD_AT = 3
LAYER, OTHERS = 3, (1, 2, 4)


class Gate:
    """Counts the batches that a model's method makes, and holds the third until it is opened."""

    def __init__(self, method: Callable[..., np.ndarray], only: Callable[..., bool]) -> None:
        self.method, self.only = method, only
        self.batches = 0
        self.opened = threading.Event()

    def __call__(self, specs: Sequence[Any], *arguments: Any) -> np.ndarray:
        if len(specs) == BATCH_SIZE and self.only(*arguments):
            self.batches += 1
            if self.batches == HELD_AT:
                assert self.opened.wait(60)
        return self.method(specs, *arguments)


@pytest.fixture
def engine() -> Engine:
    """Of this test alone: nothing has been looked through yet."""
    return faces_alone()


@pytest.fixture
def model(engine: Engine) -> Model:
    return engine.model("faces")


@pytest.fixture
def url(browser: Browser, engine: Engine) -> Iterator[str]:
    with serve(engine) as address:
        yield address


@pytest.fixture
def client(url: str) -> Client:
    return Client(url, verbose=False)


def batches_later(gate: Gate, client: Client) -> tuple[int, int]:
    """How many were made when other work had had its turn, once and twice more."""
    client.predict("faces", OTHERS[0], api_name="/exciting")
    before = gate.batches
    for layer in OTHERS[1:]:
        client.predict("faces", layer, api_name="/exciting")
    return before, gate.batches


def test_a_survey_shows_how_far_it_is_stops_and_goes_on(
    visit: Open, client: Client, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(model.render, lambda: True)
    monkeypatch.setattr(model, "render", gate)
    page = visit()
    page.get_by_role("tab", name="Discriminator").click()
    work = page.get_by_role("status", name="Under way")
    expect(work).to_contain_text("Looking through many samples")
    page.wait_for_function("document.querySelector('.dc-work progress').value > 0")
    page.get_by_role("button", name="Cancel").click()
    expect(work).to_be_empty()
    expect(page.locator(".dc-discriminator")).to_contain_text("Stopped before all samples")
    gate.opened.set()
    before, after = batches_later(gate, client)
    assert before == after < 16

    page.get_by_role("tab", name="Sample").click()  # the page is whole
    page.get_by_role("button", name="Picture 5 of 64").click()
    wait_painted(page, ":z(1,4)")
    page.get_by_role("tab", name="Discriminator").click()
    page.wait_for_selector(".dc-seeks[data-ready='faces 0']")
    expect(page.get_by_role("article", name="The picture on the stage")).to_contain_text(
        "D's score"
    )
    expect(page.get_by_role("button", name="Look again")).to_be_hidden()
    expect(work).to_be_empty()
    assert gate.batches == 16, "it went on from where it was"
    assert painted(page).endswith(":z(1,4)")


def test_looking_again_is_one_press(
    visit: Open, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(model.activations, lambda layer: layer == LAYER)
    monkeypatch.setattr(model, "activations", gate)
    page = visit()
    page.get_by_role("tab", name="Forget").click()
    page.get_by_text("Every map of a layer").click()
    page.get_by_role("button", name="Cancel").click()
    again = page.get_by_role("button", name="Look for the pictures")
    expect(again).to_be_visible()
    gate.opened.set()
    again.click()
    page.wait_for_selector("[data-role=rows][data-ready]")
    expect(again).to_have_count(0)
    assert gate.batches == 8


def test_a_film_that_is_cancelled_is_drawn_no_further(
    visit: Open, client: Client, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(model.render_resolved, lambda: True)
    monkeypatch.setattr(model, "render_resolved", gate)
    page = visit()
    open_walk(page)
    page.get_by_role("button", name="Save as a film").click()
    page.get_by_role("dialog").get_by_label("Seconds").fill("20")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    work = page.get_by_role("status", name="Under way")
    expect(work).to_contain_text("Making the film")
    page.wait_for_function("document.querySelector('.dc-work progress').value > 0")
    page.get_by_role("button", name="Cancel").click()
    expect(work).to_be_empty()
    expect(page.locator(".dc-message")).to_contain_text("Stopped")
    gate.opened.set()
    before, after = batches_later(gate, client)
    assert HELD_AT <= before == after < 9


def test_a_job_of_gradio_client_says_how_far_it_is_and_stops(
    client: Client, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(model.activations, lambda layer: layer == LAYER)
    monkeypatch.setattr(model, "activations", gate)
    job = client.submit("faces", LAYER, api_name="/exciting")
    deadline = time.monotonic() + 60
    while not (told := job.status().progress_data) or told[0].progress != 2 / 8:
        assert time.monotonic() < deadline
    job.cancel()
    gate.opened.set()
    before, after = batches_later(gate, client)
    assert before == after == HELD_AT
    found = client.predict("faces", LAYER, api_name="/exciting")
    assert np.shape(found["draws"]) == (128, 8)
    assert gate.batches == 8


def test_a_bad_call_is_answered_with_the_sentence_of_the_page(client: Client, model: Model) -> None:
    text = str(model.sample(1))
    for words, name, arguments in [
        ("not the text of a picture", "render", ["v1:faces"]),
        ("no model called 'cats'", "features", ["cats"]),
        ("layers 1 to 4, not 9", "exciting", ["faces", 9]),
        ("Give layer as a whole number", "exciting", ["faces", 1.5]),
        ("must be generator or discriminator", "exciting", ["faces", 1, "critic"]),
        ("has maps 0 to 127, not 128", "activation", [[text], 3, 128]),
        ('"specs" must be a list', "sheet", [text]),
        ('must have "version"', "fit", [{}]),
        ("no set of boxes called 'beds'", "boxes", ["faces", "beds"]),
        ("features 0 to 255, not 256", "look", [text, 256]),
        ("kept without theirs", "features", ["faces/epoch-1"]),
        ("in base64, or as a data URI", "look_at", ["a picture", "faces"]),
        ("not a picture that can be read", "look_at", ["aGVsbG8=", "faces"]),
        ("a list of 2 to 9 picture texts", "walk", [[text]]),
        (f"0.1 to {MAX_SECONDS} seconds, not 3600", "walk", [[text, text], 3600]),
        (
            "even number of pixels from 64 to 1024, not 4",
            "walk",
            [[text] * 2, 1, True, True, "gif", 4],
        ),
        ("mp4, gif, webp or png, not 'avi'", "film", [[text] * 3, 1, "avi"]),
        ("a list of 1 to 99 picture texts", "shelf", [[]]),
    ]:
        with pytest.raises(Exception, match=words):
            client.predict(*arguments, api_name=f"/{name}")
