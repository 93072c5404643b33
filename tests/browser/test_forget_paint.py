"""Edits in a painted region, in Chromium: something goes from there, or is put there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from dcgan.latents.spec import Gain, parse
from dcgan.rendering.engine import Engine
from tests.browser.conftest import Open, painted, wait_painted
from tests.browser.test_forget import fitted, gains, open_forget, status


@pytest.fixture
def url(blank_url: str) -> str:
    return blank_url


def test_gains_where_the_visitor_paints(visit: Open, engine: Engine) -> None:
    page = visit()
    open_forget(page)
    page.get_by_role("combobox", name="Layer").select_option("2")
    page.get_by_text("Every map of a layer").click()
    page.locator("[data-role=row-chips] button").nth(5).click()
    assert gains(page, 1) == (Gain(2, 0, (5,)),)
    page.get_by_label("Only where I paint").check()
    gains(page, 0)  # nothing is painted yet
    page.get_by_label("Brush").select_option("1")
    canvas = page.get_by_label("Region to edit")
    canvas.focus()
    for key in ("Space", "ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    wait_painted(page, f":{Gain(2, 0, (5,), bytes([0x80, 0x40, 0, 0, 0, 0, 0, 0]))}")
    page.get_by_label("Gain of this map").fill("3")
    place = canvas.bounding_box()
    assert place
    cell = place["width"] / 8
    page.mouse.move(place["x"] + 7.5 * cell, place["y"] + 7.5 * cell)
    page.mouse.down()
    page.mouse.move(place["x"] + 4.5 * cell, place["y"] + 7.5 * cell)
    page.mouse.up()
    painted_bytes = bytes([0x80, 0x40, 0, 0, 0, 0, 0, 0x0F])
    wait_painted(page, f":{Gain(2, 3, (5,), painted_bytes)}")
    engine.render([parse(painted(page))])  # a mask of the layer's size
    page.get_by_role("button", name="Wipe").click()
    gains(page, 0)


def test_what_is_boxed_is_put_where_the_visitor_paints(visit: Open, engine: Engine) -> None:
    page = fitted(visit)
    maps = gains(page, 1)[0].maps
    page.get_by_label("Only where I paint").check()
    gains(page, 0)
    page.get_by_label("Paint to").select_option("put it there")
    expect(page.get_by_label("Gain", exact=True)).to_have_value("3", timeout=60_000)
    page.get_by_label("Brush").select_option("1")
    page.get_by_label("Region to edit").focus()
    for key in ("ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    before, chosen = gains(page, 2)  # the layer before is needed to put something where it is not
    assert (before.layer, before.gain, before.mask) == (2, 3, bytes([0x40, *[0] * 7]))
    assert chosen == Gain(3, 3, maps, bytes([0x20, *[0] * 31]))
    engine.render([parse(painted(page))])
    page.get_by_label("Paint to").select_option("take it away")
    assert gains(page, 1) == (Gain(3, 0, maps, chosen.mask),)
    page.get_by_label("Paint to").select_option("put it there")
    gains(page, 2)
    page.get_by_label("Only where I paint").uncheck()
    assert gains(page, 1) == (Gain(3, 0, maps),)


def test_nothing_is_put_where_the_visitor_no_longer_paints(visit: Open) -> None:
    page = fitted(visit)
    maps = gains(page, 1)[0].maps
    page.get_by_label("Only where I paint").check()
    gains(page, 0)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/dcgan/units", hold)
    with page.expect_request("**/dcgan/units"):  # what the layer before sees
        page.get_by_label("Paint to").select_option("put it there")
    page.get_by_label("Only where I paint").uncheck()
    assert gains(page, 1) == (Gain(3, 0, maps),)
    with page.expect_response("**/dcgan/units"):
        held[0].continue_()
    expect(status(page)).to_contain_text("positive weight")
    page.get_by_label("Only where I paint").check()
    expect(page.get_by_label("Paint to")).to_have_value("take")
    page.get_by_label("Only where I paint").uncheck()
    assert gains(page, 1) == (Gain(3, 0, maps),)


def test_painting_in_another_layer_leaves_what_is_put(visit: Open) -> None:
    page = fitted(visit)
    page.get_by_label("Only where I paint").check()
    page.get_by_label("Paint to").select_option("put it there")
    expect(page.get_by_label("Gain", exact=True)).to_have_value("3", timeout=60_000)
    page.get_by_label("Region to edit").focus()
    page.keyboard.press("Space")
    put = gains(page, 2)
    page.get_by_role("combobox", name="Layer").select_option("1")  # no maps were found there
    page.get_by_label("Only where I paint").check()
    page.get_by_label("Only where I paint").uncheck()
    assert gains(page, 2) == put
