"""The Arithmetic tab, in Chromium."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from dcgan.latents.spec import Draw, Mean, Sum, parse
from dcgan.rendering.engine import Engine
from tests.browser.conftest import PHONE, Open, painted, wait_painted

THREE = r"mean\(z\(\d+,\d+\),z\(\d+,\d+\),z\(\d+,\d+\)\)"


def open_arithmetic(page: Page) -> None:
    page.get_by_role("tab", name="Arithmetic").click()
    page.wait_for_selector(".dc-arithmetic .dc-sheet[data-ready]")


def pictures_on_the_shelf(page: Page, count: int) -> None:
    for number in range(1, count + 1):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
    expect(page.locator(".dc-shelf li")).to_have_count(count)


def choose(page: Page, place: str, picture: str) -> None:
    page.get_by_role("button", name=f"{place}: choose").click()
    page.get_by_role("dialog").get_by_role("button", name=picture).click()


def three_single_terms(page: Page) -> None:
    """A, B and C become z(1,0), z(1,1) and z(1,2)."""
    pictures_on_the_shelf(page, 3)
    open_arithmetic(page)
    for number, term in enumerate("ABC", start=1):
        choose(page, f"{term}, picture 1", f"Picture {number} of the shelf")
        for place in (3, 2):
            page.get_by_role("button", name=f"{term}: take picture {place} out").click()
    wait_painted(page, ":sum(1,z(1,0),-1,z(1,1),1,z(1,2))")


def random_sum(page: Page) -> str:
    """The text of a sum of means of new draws, when everything has been drawn."""
    page.get_by_role("button", name="Random pictures").click()
    field = page.get_by_role("textbox", name="A picture is its text")
    expect(field).to_have_value(re.compile(r":sum\(1,mean\(z\(\d+,0\),z\(\d+,1\),z"))
    text = field.input_value()
    page.wait_for_selector(f"[data-painted='{text}']")
    page.wait_for_selector(
        f".dc-sheet[data-ready='{text.split(':sum')[0]}:noise(0.25,1,0,{text.split(':')[2]})']"
    )
    return text


def norm(place: Locator) -> float:
    expect(place).to_contain_text("|z| =")
    return float(place.inner_text().split("=")[1])


def test_the_tab_opens_with_a_sum_of_means(visit: Open, engine: Engine) -> None:
    page = visit()
    open_arithmetic(page)
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes(':sum(')"
    )
    text = painted(page)
    assert re.search(rf":sum\(1,{THREE},-1,{THREE},1,{THREE}\)$", text)
    page.wait_for_selector(f".dc-arithmetic [data-role=y][data-ready='{text}']")
    spec = parse(text)
    assert isinstance(spec.z, Sum)
    for shown, z in zip(
        page.locator(".dc-arithmetic .dc-norm").all(),
        [*(z for _, z in spec.z.terms), spec.z],
        strict=True,
    ):
        model = engine.model("faces")
        assert abs(norm(shown) - np.linalg.norm(model.z(model.spec(z)))) < 0.006
    assert isinstance(spec.z.terms[0][1], Mean)


def test_places_are_filled_replaced_and_emptied(visit: Open) -> None:
    page = visit()
    three_single_terms(page)
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="A, picture 3: choose one").click()
    expect(dialog).to_contain_text("A: picture 2 of 3")  # the first that is empty
    dialog.get_by_role("button", name="Picture 3 of the shelf").click()
    expect(dialog).to_contain_text("A: picture 3 of 3")
    dialog.get_by_role("button", name="The picture on the stage").click()
    expect(dialog).to_be_hidden()
    inner = "sum(1,z(1,0),-1,z(1,1),1,z(1,2))"
    wait_painted(page, f":sum(1,mean(z(1,0),z(1,2),{inner}),-1,z(1,1),1,z(1,2))")
    page.get_by_role("button", name="A: take picture 3 out").click()
    wait_painted(page, ":sum(1,mean(z(1,0),z(1,2)),-1,z(1,1),1,z(1,2))")
    page.get_by_role("button", name="B: take picture 1 out").click()
    wait_painted(page, ":sum(1,mean(z(1,0),z(1,2)),1,z(1,2))")  # an empty term counts for nothing
    expect(page.get_by_role("button", name="B: show the mean picture")).to_be_disabled()


def test_the_dialog_offers_new_draws_and_goes_away(visit: Open) -> None:
    page = visit(viewport=PHONE)
    open_arithmetic(page)
    page.get_by_role("button", name="C, picture 2: choose").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".dc-sheet[data-ready]").wait_for()
    serious = [rule for rule in Axe().run(page).response["violations"]
               if rule["impact"] in ("serious", "critical")]  # fmt: skip
    assert not serious
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="C, picture 2: choose")).to_be_focused()
    random_sum(page)
    before = painted(page)
    page.get_by_role("button", name="C, picture 2: choose").click()
    dialog.get_by_role("button", name="Draw 5 of 18").click()
    expect(dialog).to_be_hidden()
    page.wait_for_function(
        "before => document.querySelector('[data-painted]').dataset.painted !== before", arg=before
    )
    assert re.search(r"mean\(z\(\d+,0\),z\(\d+,4\),z\(\d+,2\)\)\)$", painted(page))


def test_weights_are_live(visit: Open) -> None:
    page = visit()
    three_single_terms(page)
    page.get_by_label("Weight of B").fill("0.5")
    wait_painted(page, ":sum(1,z(1,0),-0.5,z(1,1),1,z(1,2))")
    page.get_by_label("Weight of C").fill("0")
    wait_painted(page, ":sum(1,z(1,0),-0.5,z(1,1),0,z(1,2))")
    page.wait_for_selector(
        ".dc-arithmetic .dc-sheet[data-ready$='noise(0.25,1,0,sum(1,z(1,0),-0.5,z(1,1),0,z(1,2)))']"
    )


def test_y_its_neighbours_and_the_sum_of_single_zs_can_be_kept(visit: Open) -> None:
    page = visit()
    open_arithmetic(page)
    text = random_sum(page)
    shelf = page.locator(".dc-shelf li")
    page.get_by_role("button", name="Neighbour 1 of 9").click()
    wait_painted(page, f":noise(0.25,1,0,{text.split(':')[2]})")
    expect(shelf).to_have_count(1)
    page.get_by_role("button", name="Neighbour 5 of 9").click()
    wait_painted(page, text)  # Y is in the middle
    expect(shelf).to_have_count(2)
    page.get_by_role("button", name="Y: show it and keep it").click()
    expect(shelf).to_have_count(2)  # is there already
    page.get_by_role("button", name="The sum of single z's").click()
    expect(shelf).to_have_count(3)
    page.wait_for_function(
        r"""() => /:sum\(1,z\(\d+,0\),-1,z\(\d+,0\),1,z\(\d+,0\)\)$/.test(
          document.querySelector('[data-painted]').dataset.painted)"""
    )


def test_the_sum_on_pixels(visit: Open, engine: Engine) -> None:
    page = visit()
    three_single_terms(page)
    page.get_by_label("Weight of B").fill("0.5")
    model = engine.model("faces")
    a, b, c = model.render([model.spec(Draw(1, index)) for index in range(3)]) / 127.5 - 1.0
    expected = np.clip(np.round(127.5 * (a - 0.5 * b + c + 1)), 0, 255)
    canvas = page.locator("canvas[data-role=pixels]")

    def difference() -> float:
        uri = canvas.evaluate("canvas => canvas.toDataURL()")
        content = base64.b64decode(uri.split(",")[1])
        return float(np.abs(np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
                            - expected).max())  # fmt: skip

    page.wait_for_function("document.querySelector('canvas[data-role=pixels]').width === 64")
    wait_painted(page, ":sum(1,z(1,0),-0.5,z(1,1),1,z(1,2))")
    assert difference() <= 1


def test_what_the_server_refuses_is_said_and_nothing_is_lost(visit: Open) -> None:
    page = visit()
    three_single_terms(page)
    deep = painted(page).split("sum")[0] + "scale(1.1," * 7 + "z(1,5)" + ")" * 7
    field = page.get_by_role("textbox", name="A picture is its text")
    field.fill(deep)
    field.press("Enter")
    wait_painted(page, deep)
    choose(page, "A, picture 1", "The picture on the stage")
    expect(page.locator(".dc-message")).to_contain_text("nested 8 deep at most")
    page.get_by_role("button", name="Neighbour 5 of 9").click()
    expect(page.locator(".dc-shelf li")).to_have_count(4)  # the last one that could be drawn
    wait_painted(page, ":sum(1,z(1,0),-1,z(1,1),1,z(1,2))")
    choose(page, "A, picture 1", "Picture 1 of the shelf")
    page.get_by_label("Weight of A").fill("0.5")
    wait_painted(page, ":sum(0.5,z(1,0),-1,z(1,1),1,z(1,2))")


def test_a_shipped_sum(visit: Open, engine: Engine) -> None:
    sets = engine.model("faces").checkpoint.sets
    if not sets["sums"]:
        pytest.skip("weights/faces ships no sums yet")
    page = visit()
    open_arithmetic(page)
    names = sets["sums"][-1]
    page.get_by_label("Sum", exact=True).select_option(index=len(sets["sums"]))
    a, b, c = (f"mean({','.join(sets['exemplars'][name][:3])})" for name in names)
    wait_painted(page, f":sum(1,{a},-1,{b},1,{c})")
    for name in names:
        expect(page.locator(".dc-sum")).to_contain_text(name)
    page.get_by_role("button", name="C, picture 1: choose another").click()
    page.get_by_label("A whole set", exact=True).select_option(names[0])
    expect(page.get_by_role("dialog")).to_be_hidden()
    wait_painted(page, f":sum(1,{a},-1,{b},1,{a})")
