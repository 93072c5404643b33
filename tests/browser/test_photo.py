"""The tab Yours, in Chromium: give it a sample as a file, see it found, turn it, keep it."""

from __future__ import annotations

import re

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from dcgan.analysis import inversion
from dcgan.rendering.engine import Engine
from tests.browser.conftest import Open, painted
from tests.browser.test_discriminator import as_file, portrait


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inversion, "STEPS", 20)
    monkeypatch.setattr(inversion, "START_SAMPLES", 64)


def give(page: Page, file: FilePayload) -> None:
    page.get_by_label("Choose a photograph").set_input_files(file)


def test_a_sample_is_found_sharpens_on_the_stage_and_is_kept(visit: Open, engine: Engine) -> None:
    model = engine.model("faces")
    [picture] = model.render([model.sample(31, 4)])
    page = visit()
    page.get_by_role("tab", name="Your photo").click()
    expect(page.locator(".dc-photo")).to_contain_text("nothing of it is kept")
    page.evaluate(
        """() => {
          window.seen = new Set();
          const stage = document.querySelector('[data-painted]');
          new MutationObserver(() => window.seen.add(stage.dataset.painted))
            .observe(stage, {attributes: true});
        }"""
    )
    give(page, as_file(Image.fromarray(picture), "sample.png", "PNG"))
    expect(page.get_by_alt_text("Your photograph, cut")).to_be_visible()
    told = page.locator(".dc-photo [data-role=distance]")
    expect(told).to_contain_text(re.compile(r"It is \d+\.\d grey levels of 255"), timeout=90_000)
    expect(page.locator(".dc-photo [data-role=compared]")).to_contain_text("the nearest of 64")
    page.wait_for_function(
        """() => document.querySelector('[data-painted]').dataset.painted
          === document.querySelector('.dc-photo [data-do=show]').dataset.ready"""
    )
    found = painted(page)
    on_the_way = page.evaluate("() => [...window.seen]")
    assert len([text for text in on_the_way if ":at(" in text]) >= 2
    assert found == on_the_way[-1]

    smile = page.get_by_role("slider", name=re.compile("neutral . smiling"))
    smile.fill("1")
    page.wait_for_function(
        "() => document.querySelector('[data-painted]').dataset.painted.includes(':turn(1,mean(')"
    )
    page.get_by_role("button", name="Put it on the shelf").click()
    expect(page.locator(".dc-shelf li")).to_have_attribute("data-text", painted(page))
    page.get_by_role("button", name="As it was found").click()
    page.wait_for_function(
        "text => document.querySelector('[data-painted]').dataset.painted === text", arg=found
    )
    expect(smile).to_have_value("0")


def test_without_a_face_the_middle_square_is_offered(visit: Open) -> None:
    page = visit()
    page.get_by_role("tab", name="Your photo").click()
    give(page, portrait())
    expect(page.locator(".dc-stage")).to_contain_text("No face was found", timeout=60_000)
    page.get_by_role("button", name="Take the middle square").click()
    expect(page.locator(".dc-photo [data-role=distance]")).to_contain_text(
        "grey levels", timeout=90_000
    )
    expect(page.get_by_role("button", name="Take the middle square")).to_be_hidden()


def test_what_is_no_picture_is_said(visit: Open) -> None:
    page = visit()
    page.get_by_role("tab", name="Your photo").click()
    give(page, {"name": "words.png", "mimeType": "image/png", "buffer": b"These are words."})
    expect(page.locator(".dc-stage")).to_contain_text(
        "not a picture that can be read", timeout=60_000
    )
    expect(page.get_by_role("button", name="Take the middle square")).to_be_hidden()
