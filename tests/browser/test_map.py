"""The Plane tab, in Chromium: a map, a lattice, and the plane through three pictures."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from dcgan.rendering.engine import Engine
from tests.browser.conftest import PHONE, Open, painted, wait_painted


def open_map(page: Page, kind: str = "map") -> None:
    page.get_by_role("tab", name="Map").click()
    if kind != "map":
        page.locator(f".dc-plane input[value={kind}]").check()
    page.wait_for_function(
        """kind => {
          const pad = document.querySelector('.dc-pad');
          const sheets = pad?.querySelectorAll('.dc-sheet');
          return pad?.dataset.kind === kind && sheets.length &&
            [...sheets].every((sheet) => sheet.dataset.ready);
        }""",
        arg=kind,
    )


def press(page: Page, across: float, down: float) -> None:
    """At a part of the pad's width and height."""
    pad = page.locator(".dc-pad")
    pad.evaluate("pad => pad.scrollIntoView({block: 'end'})")
    box = pad.bounding_box()
    assert box
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
    page.mouse.down()
    page.mouse.up()


def test_the_map_is_of_draws_and_between_them_lies_what_is_between(
    visit: Open, engine: Engine
) -> None:
    page = visit()
    open_map(page)
    atlas = engine.model("faces").checkpoint.map
    assert atlas
    draws = atlas["draws"]
    assert page.locator(".dc-pad .dc-sheet button").count() == 400
    press(page, 3.55 / 20, 5.45 / 20)  # near the middle of a cell: on it
    wait_painted(page, f":z(1,{draws[5][3]})")
    press(page, 4 / 20, 5.5 / 20)  # half-way to the next
    wait_painted(page, f":slerp(0.5,z(1,{draws[5][3]}),z(1,{draws[5][4]}))")
    press(page, 4 / 20, 6 / 20)
    upper = f"slerp(0.5,z(1,{draws[5][3]}),z(1,{draws[5][4]}))"
    lower = f"slerp(0.5,z(1,{draws[6][3]}),z(1,{draws[6][4]}))"
    wait_painted(page, f":slerp(0.5,{upper},{lower})")
    press(page, 0.99, 0.99)
    wait_painted(page, f":z(1,{draws[-1][-1]})")


def test_dragging_over_a_lattice_and_by_keys(visit: Open) -> None:
    page = visit()
    open_map(page, "lattice")
    wait_painted(page, ":z(1,32)")
    box = page.locator(".dc-pad").bounding_box()
    assert box
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 16, steps=12)
    page.mouse.up()
    wait_painted(page, ":slerp(0.5,z(1,3),z(1,4))")
    page.get_by_label("Across").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    wait_painted(page, ":z(1,4)")
    page.get_by_label("Down").focus()
    page.keyboard.press("ArrowRight")
    wait_painted(page, ":slerp(0.25,z(1,4),z(1,12))")
    page.locator(".dc-plane").get_by_label("Seed", exact=True).fill("abc")
    page.keyboard.press("Enter")
    expect(page.locator(".dc-message")).to_contain_text("A seed is a whole number")
    page.locator(".dc-plane").get_by_label("Seed", exact=True).fill("7")
    page.keyboard.press("Enter")
    wait_painted(page, ":slerp(0.25,z(7,4),z(7,12))")


def test_the_plane_through_three_pictures_of_the_shelf(visit: Open) -> None:
    page = visit()
    open_map(page, "three")
    page.get_by_role("button", name="From the shelf").click()
    expect(page.locator(".dc-message")).to_contain_text("Put three pictures of faces on the shelf")
    page.get_by_role("tab", name="Sample").click()
    for number in (1, 2, 3):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
    page.get_by_role("tab", name="Map").click()
    page.get_by_role("button", name="From the shelf").click()
    page.get_by_label("Across").fill("0.5")
    page.get_by_label("Down").fill("0.5")
    wait_painted(page, ":sum(0,z(1,0),0.5,z(1,1),0.5,z(1,2))")
    for x, y, draw in ((0, 1, 0), (1, 1, 1), (0, 0, 2)):
        part = [(at + 0.25 + 0.09375) / 1.6875 for at in (x, y)]
        press(page, *part)
        wait_painted(page, f":z(1,{draw})")
    page.get_by_role("button", name="B: choose another").click()
    page.get_by_role("button", name="Draw 4 of 18").click()
    expect(page.get_by_role("button", name="B: choose another")).to_be_focused()
    page.get_by_label("Across").fill("0.5")
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes(',z(1,2))')"
    )
    assert "z(1,1)" not in painted(page)


def test_other_models_have_their_maps_and_a_phone_its_finger(visit: Open, engine: Engine) -> None:
    page = visit(viewport=PHONE, has_touch=True)
    page.get_by_label("Model").select_option("mnist")
    open_map(page)
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes('mnist@')"
    )
    pad = page.locator(".dc-pad")
    pad.evaluate("pad => pad.scrollIntoView({block: 'end'})")
    box = pad.bounding_box()
    assert box
    assert box["width"] > 300
    page.touchscreen.tap(box["x"] + box["width"] / 40, box["y"] + 37 * box["height"] / 40)
    atlas = engine.model("mnist").checkpoint.map
    assert atlas
    page.wait_for_function(
        "part => document.querySelector('[data-painted]').dataset.painted.includes(part)",
        arg=f":z(1,{atlas['draws'][18][0]}):",
    )
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_place_is_taken_back(visit: Open) -> None:
    page = visit()
    open_map(page)
    first = painted(page)
    page.wait_for_timeout(700)
    press(page, 0.2, 0.2)
    page.wait_for_function(
        "first => document.querySelector('[data-painted]').dataset.painted !== first", arg=first
    )
    page.get_by_role("button", name="Undo", exact=True).first.click()
    wait_painted(page, first.rpartition(":")[2])
    assert page.get_by_label("Across").input_value() == "0"


@pytest.mark.parametrize("name", ["faces", "rooms", "mnist", "imagenet32"])
def test_a_map_has_every_draw_once(engine: Engine, name: str) -> None:
    atlas = engine.model(name).checkpoint.map
    assert atlas
    assert sorted(number for row in atlas["draws"] for number in row) == list(range(400))
