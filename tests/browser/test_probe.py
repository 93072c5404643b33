"""What a picture is called on the Discriminator tab, in Chromium, and by gradio_client."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Locator, Page, expect

from dcgan.analysis import probe
from dcgan.analysis.saliency import SaliencyResult, Survey
from dcgan.media import images
from dcgan.rendering.engine import Engine
from dcgan.ui.serving.http import data_uri
from tests import tiny
from tests.analysis.test_probe import CLASSES, fitted
from tests.browser.conftest import PHONE, SCHEMES, Open, painted, serve, wait_painted
from tests.browser.test_accessible import serious
from tests.browser.test_discriminator import card, open_discriminator, portrait, upload

MINUS = "\N{MINUS SIGN}"
ONE_OF_THEM = "|".join(CLASSES)
NAMED = re.compile(
    rf"({ONE_OF_THEM}).*[+{MINUS}]\d\.\d\d, \d\.\d\d before ({ONE_OF_THEM})\.$", re.IGNORECASE
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("weights")
    tiny.save(folder / "faces")
    named = tiny.save(folder / "named", seed=1)
    probe.save_probe(named.folder, *fitted(named))
    return Engine({name: folder / name for name in ("faces", "named")})


@pytest.fixture(scope="module")
def url(browser: Browser, engine: Engine) -> Iterator[str]:
    with serve(engine) as address:
        yield address


def name(at: Locator) -> Locator:
    return at.locator("[data-role=named]")


def use_named(page: Page) -> None:
    page.get_by_role("button", name="Use named").click()
    page.wait_for_selector(".dc-seeks[data-ready='named 0']")
    wait_painted(page, ":z(1,0)")


def test_a_picture_is_named_before_the_samples_are_looked_through(
    visit: Open, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, opened = engine.model("named"), threading.Event()
    render = model.render

    def held(specs: Sequence[Any]) -> np.ndarray:
        assert len(specs) == 1 or opened.wait(60)
        return render(specs)

    monkeypatch.setattr(model, "render", held)
    page = visit()
    page.get_by_label("Model").select_option("named")
    page.get_by_role("tab", name="Discriminator").click()
    stage = card(page, "The picture on the stage")
    expect(name(stage)).to_have_text(NAMED, timeout=60_000)  # imports torch
    expect(stage.locator(".dc-score")).to_be_hidden()
    opened.set()
    expect(stage.locator(".dc-score")).to_be_visible()


def test_its_score_is_the_average_and_what_each_layer_adds(visit: Open) -> None:
    page = visit()
    page.get_by_label("Model").select_option("named")
    open_discriminator(page)
    stage = card(page, "The picture on the stage")
    expect(page.locator(".dc-discriminator")).to_contain_text(
        "taught the 4 classes of Noise, D was not. It gets 70% of 40 test pictures right, and "
        "whatever a picture shows, it can only answer with cat, dog, ship or truck."
    )
    rows = stage.get_by_role("row").all_inner_texts()
    titles, *columns = zip(*(row.split("\t") for row in rows), strict=True)
    assert [title.strip() for title in titles] == ["", "average", "layer 1", "layer 2", "score"]
    assert len(columns) == 3
    scores = []
    for _, *cells in columns:
        *terms, score = (float(cell.replace(MINUS, "-")) for cell in cells)
        assert sum(terms) == pytest.approx(score, abs=0.025)  # each is rounded
        scores.append(score)
    assert scores == sorted(scores, reverse=True)
    # bars begin in the middle, and go to the side of the sign
    for cell in stage.get_by_role("cell").filter(has=page.locator("i")).all():
        right_of_it = cell.inner_text().startswith("+")
        left, right, middle = cell.locator("i").evaluate(
            """bar => { const style = getComputedStyle(bar, '::before');
                        return [style.left, style.right].map(parseFloat).concat(
                          bar.clientWidth / 2); }"""
        )
        assert (left if right_of_it else right) == pytest.approx(middle, abs=1)
    before = name(stage).inner_text()
    page.get_by_role("button", name=re.compile("^Show picture 2 of 6 for feature 3")).last.click()
    expect(name(stage)).not_to_have_text(before)


def test_another_model_that_names_is_offered_and_gets_the_file(visit: Open) -> None:
    page = visit()
    open_discriminator(page)
    stage, mine = card(page, "The picture on the stage"), card(page, "Your picture")
    expect(page.locator(".dc-discriminator")).to_contain_text("named can also name what it sees")
    upload(page, portrait())
    expect(mine).to_contain_text("D's score")
    expect(name(stage)).to_be_hidden()
    expect(name(mine)).to_be_hidden()
    use_named(page)
    assert painted(page).startswith("v1:named@")
    expect(name(stage)).to_have_text(NAMED)
    expect(name(mine)).to_have_text(NAMED)
    # what is no picture leaves the name there, and another feature does not change it
    before = name(mine).text_content() or ""
    upload(page, {"name": "a.png", "mimeType": "image/png", "buffer": b"words"})
    expect(page.locator(".dc-message")).to_contain_text("not a picture that can be read")
    page.get_by_label("Feature", exact=True).fill("2")
    page.get_by_label("Feature", exact=True).press("Tab")
    expect(mine).to_contain_text("feature 2")
    expect(name(mine)).to_have_text(before)
    # it is still there after a look at another tab, and gone with the model
    page.get_by_role("tab", name="Sample").click()
    page.get_by_role("tab", name="Discriminator").click()
    expect(name(mine)).to_have_text(before)
    page.get_by_label("Model").select_option("faces")
    expect(name(mine)).to_be_hidden()
    expect(name(stage)).to_be_hidden()
    expect(page.get_by_role("button", name="Use named")).to_be_visible()


def test_a_file_that_is_being_looked_at_goes_along(
    visit: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    open_discriminator(page)
    look, reached, opened = Survey.attribute, threading.Event(), threading.Event()

    def held(*arguments: Any) -> SaliencyResult:
        reached.set()
        assert opened.wait(60)
        return look(*arguments)

    monkeypatch.setattr(Survey, "attribute", held)
    upload(page, portrait())
    assert reached.wait(60)
    page.get_by_role("button", name="Use named").click()
    opened.set()
    mine = card(page, "Your picture")
    expect(name(mine)).to_have_text(NAMED)
    expect(mine).to_contain_text("D's score")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_fits_a_phone_and_is_accessible(visit: Open, scheme: str) -> None:
    page = visit(viewport=PHONE, scheme=scheme)
    page.get_by_label("Model").select_option("named")
    open_discriminator(page)
    upload(page, portrait())
    expect(name(card(page, "Your picture"))).to_have_text(NAMED)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    expect(page.locator(".dc-look[aria-busy]")).to_have_count(0)  # which is paler
    assert not serious(page)


def test_a_program_is_told_the_same(url: str, engine: Engine) -> None:
    client = Client(url, verbose=False)
    model = engine.model("named")
    spec = model.sample(8, 2)
    [picture] = model.render([spec])
    loaded = probe.load_probe(model.checkpoint)
    assert loaded
    told = probe.answer_json(*loaded, picture)
    assert client.predict(str(spec), api_name="/look")["probe"] == told
    file = data_uri(images.encode_png(picture), "png")
    assert client.predict(file, "named", api_name="/look_at")["probe"] == told
    assert client.predict(file, "faces", api_name="/look_at")["probe"] is None
