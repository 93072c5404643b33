"""The Forget tab with boxes that are shipped with a model, and with what was measured of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from dcgan.analysis import units
from dcgan.models import checkpoint
from dcgan.models.annotations import AnnotatedImage, BoxSet
from dcgan.rendering.engine import Engine, Model, discover_checkpoints
from dcgan.ui.routes import results
from tests import tiny
from tests.browser.conftest import DESKTOP, PHONE, ROOT, Open, serve, wait_painted
from tests.browser.test_accessible import serious
from tests.browser.test_forget import maps_dropped, open_forget, status


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with two models, the second one with a set of boxes."""
    weights = tmp_path_factory.mktemp("weights")
    tiny.save(weights / "blank")
    (weights / "faces").mkdir()
    for name in (checkpoint.CONFIG, checkpoint.WEIGHTS):
        shutil.copy(ROOT / "weights" / "faces" / name, weights / "faces")
    faces = Engine(discover_checkpoints(weights)).model("faces")
    eyes = tuple(AnnotatedImage(faces.sample(1, i), ((13.0, 22.0, 51.0, 35.0),)) for i in range(6))
    boxes = BoxSet("eyes", 3, eyes)
    (weights / "faces" / "boxes-eyes.json").write_text(boxes.to_json())
    measured = tmp_path_factory.mktemp("results")
    (measured / "forget.json").write_text(json.dumps(facts(faces, boxes)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "RESULTS", measured)
        with serve(Engine(discover_checkpoints(weights))) as address:
            yield address


def facts(model: Model, boxes: BoxSet) -> dict:
    """A file like that of `python -m training run forget`, with round numbers."""

    def curve(name: str, fall: float, far: float) -> list[dict]:
        error = {} if name == "fitted" else {"found_error": 0.002, "kid_error": 0.05}
        return [
            {"k": k, "found": 0.04 * (1 - fall * k), "kid": 0.5 + far * k, **error}
            for k in (0, 4, 8, 16)
        ]

    return {
        "weights": model.checkpoint.hash,
        "samples": 1000,
        "fit": units.fit_units(model, boxes).table(),
        "judge": {"held_out": {"pictures": 286, "sharp": {"iou": 0.39}}},
        "curves": {
            "fitted": curve("fitted", 0.06, 0.02),
            "matched": curve("matched", 0.01, 0.01),
            "random": curve("random", 0.02, 0.03),
        },
        "goal": {
            "k": 8,
            "fall": 0.48,
            "kid": 0.66,
            "matched": {"fall": -0.16, "reached": True},
            "random": {"fall": 0.11, "reached": False},
        },
    }


def test_the_tab_opens_where_boxes_are_and_fits_them(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Picture 4 of 64").click()  # a picture worth keeping
    wait_painted(page, ":z(1,3)")
    open_forget(page)
    expect(page.locator(".dc-shelf li")).to_have_count(1)
    expect(page.get_by_role("combobox", name="Model")).to_have_value("faces")
    expect(status(page)).to_contain_text("positive weight", timeout=60_000)
    expect(page.get_by_role("combobox", name="Set", exact=True)).to_have_value("eyes")
    assert maps_dropped(page) == 8  # those that the measured result is about
    page.get_by_role("switch", name="Eyes").uncheck()  # works at first sight
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes(':z(1,0):gain(3,0,')"
    )
    expect(page.locator("[data-role=present-value]")).to_have_text("off")
    page.get_by_role("combobox", name="Model").select_option("blank")
    expect(status(page)).to_contain_text("Press and drag over a picture")
    page.get_by_role("combobox", name="Model").select_option("faces")
    expect(status(page)).to_contain_text("6 boxes in 6 pictures")
    assert maps_dropped(page) == 8


def open_measured(page: Page) -> None:
    open_forget(page)
    expect(status(page)).to_contain_text("positive weight", timeout=60_000)
    page.locator(".dc-measured").scroll_into_view_if_needed()


def test_what_was_measured_is_told_and_stands_in_a_table(visit: Open) -> None:
    page = visit()
    open_measured(page)
    told = page.locator("[data-role=measured-words]")
    expect(told).to_contain_text("Without the first 8 of")
    expect(told).to_contain_text("1,000 samples have lost 48% of their windows")
    expect(told).to_contain_text("(KID) has gone from 0.50 to 0.66")
    expect(told).to_contain_text("other maps that are as active add 16%")
    expect(told).to_contain_text("maps in random order never come to it, and take 11% at most")
    expect(told).to_contain_text("agree by 39%")
    page.get_by_text("The numbers").click()
    row = page.get_by_role("row", name=re.compile("^16 "))
    expect(row.get_by_role("cell")).to_have_text(
        ["4%", "0.82", "84% ± 5%", "0.66 ± 0.05", "68% ± 5%", "0.98 ± 0.05"]
    )
    page.get_by_role("combobox", name="Model").select_option("blank")
    expect(page.locator(".dc-measured")).to_be_hidden()


@pytest.mark.parametrize(
    "options",
    [{"viewport": DESKTOP}, {"viewport": PHONE, "has_touch": True, "scheme": "dark"}],
    ids=["desktop", "phone"],
)
def test_a_press_on_a_point_drops_so_many_maps(visit: Open, options: dict) -> None:
    page = visit(**options)
    open_measured(page)
    chart = page.get_by_role("group", name="Windows left against maps dropped")
    point = chart.get_by_role("button", name="in fitted order, 16 maps dropped: 4% of the windows")
    place = point.bounding_box()
    assert place
    at = (place["x"] + place["width"] / 2 - 5, place["y"] + place["height"] / 2 - 5)
    (page.touchscreen.tap if "has_touch" in options else page.mouse.click)(*at)
    expect(page.get_by_label("Units")).to_have_value("16")
    expect(page.locator("[data-role=said]")).to_contain_text("16 maps dropped: 4% of the windows")
    page.get_by_label("Units").fill("6")  # between two that were measured
    low = chart.get_by_role("button", name="in fitted order, 4 maps").bounding_box()
    high = chart.get_by_role("button", name="in fitted order, 8 maps").bounding_box()
    ring = chart.locator(".dc-own").bounding_box()
    assert low
    assert high
    assert ring
    for side, length in (("x", "width"), ("y", "height")):
        middle = [box[side] + box[length] / 2 for box in (low, high, ring)]
        assert middle[2] == pytest.approx((middle[0] + middle[1]) / 2, abs=1)
    page.get_by_label("Gain", exact=True).fill("2")
    expect(chart.locator(".dc-own")).to_have_count(0)
    assert not serious(page)
    assert page.evaluate("document.documentElement.scrollWidth") == options["viewport"]["width"]


def test_charts_by_keyboard(visit: Open) -> None:
    page = visit()
    open_measured(page)
    chart = page.get_by_role("group", name="Windows left against KID")
    chart.get_by_role("button", name="in fitted order, 0 maps").focus()
    said = page.locator("[data-role=said]")
    for key, words in [
        ("ArrowRight", "4 maps dropped: 76% of the windows left, KID 0.58"),
        ("ArrowDown", "8 maps dropped: 92% ± 5% of the windows left, KID 0.58 ± 0.05"),
        ("ArrowUp", "4 maps dropped: 76%"),
        ("End", "16 maps dropped: 4%"),
        ("ArrowLeft", "8 maps dropped: 52%"),
        ("Home", "0 maps dropped: 100%"),
        ("ArrowRight", "4 maps dropped: 76%"),
    ]:
        page.keyboard.press(key)
        expect(said).to_contain_text(words)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Units")).to_have_value("4")
    page.keyboard.press("Tab")  # one stop a chart
    expect(said).to_contain_text("0 maps dropped")
    expect(
        page.get_by_role("group", name="Windows left against maps").locator(":focus")
    ).to_have_count(1)
