"""The Sample tab and what stands around it, in Chromium."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Open, painted, wait_painted

PIXELS = """() => {
  const canvas = document.querySelector('.dc-picture');
  return Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);
}"""


def drag(page: Page, label: str, value: float) -> None:
    page.get_by_label(label, exact=True).fill(str(value))


def test_the_page_opens_on_a_picture_and_a_grid(visit: Open) -> None:
    page = visit()
    assert len(set(page.evaluate(PIXELS))) > 50  # a picture, not a blank
    expect(page.locator(".dc-sample .dc-sheet button")).to_have_count(64)
    expect(page.locator(".dc-facts").first).to_contain_text("|z| =")


def test_a_direction_changes_the_picture_and_its_text(visit: Open) -> None:
    page = visit()
    before = page.evaluate(PIXELS)
    drag(page, "Direction 1", 2.5)
    wait_painted(page, ":move(pc1,2.5,z(1,0))")
    assert page.evaluate(PIXELS) != before
    drag(page, "Direction 3", -1)
    wait_painted(page, ":move(pc1,2.5,pc3,-1,z(1,0))")
    page.get_by_role("button", name="Reset").click()
    wait_painted(page, ":z(1,0)")
    assert page.evaluate(PIXELS) == before


def test_the_last_of_many_quick_moves_wins(visit: Open) -> None:
    page = visit()
    page.get_by_label("Direction 1", exact=True).evaluate(
        """slider => {
          for (let i = -60; i <= 50; i++) {
            slider.value = i / 20;
            slider.dispatchEvent(new Event('input', {bubbles: true}));
          }
        }"""
    )
    wait_painted(page, "move(pc1,2.5,z(1,0))")


def test_the_keyboard_alone_drags(visit: Open) -> None:
    page = visit()
    page.get_by_label("Direction 2", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wait_painted(page, "move(pc2,0.15,z(1,0))")


def test_a_click_shows_a_picture_and_puts_it_on_the_shelf(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Picture 8 of 64").click()
    wait_painted(page, ":z(1,7)")
    shelf = page.locator(".dc-shelf li")
    expect(shelf).to_have_count(1)
    drag(page, "Direction 1", 1)
    page.get_by_role("button", name="Put on the shelf").click()
    expect(shelf).to_have_count(2)
    page.get_by_role("button", name="Show picture 1 of the shelf").click()
    wait_painted(page, ":z(1,7)")
    assert page.get_by_label("Direction 1", exact=True).input_value() == "0"
    page.get_by_role("button", name="Show picture 2 of the shelf").click()
    wait_painted(page, ":move(pc1,1,z(1,7))")
    assert page.get_by_label("Direction 1", exact=True).input_value() == "1"

    page.reload()
    page.wait_for_selector("[data-painted]")
    expect(shelf).to_have_count(2)
    page.get_by_role("button", name="Take picture 1 off the shelf").click()
    expect(shelf).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    expect(shelf).to_have_count(0)


def test_a_seed_gives_its_pictures_and_a_bad_one_a_sentence(visit: Open) -> None:
    page = visit()
    seed = page.get_by_label("Seed")
    for bad in ("1e20", "abc", "-1", "99999999999999999999"):
        seed.fill(bad)
        seed.press("Enter")
        expect(page.locator(".dc-message")).to_contain_text("A seed is a whole number")
    seed.fill("42")
    seed.press("Enter")
    page.wait_for_selector(".dc-sample .dc-sheet[data-ready$='z(42,0)']")
    page.get_by_label("Pictures").select_option("64")
    expect(page.locator(".dc-sample .dc-sheet button")).to_have_count(64)
    page.get_by_role("button", name="Picture 64 of 64").click()
    wait_painted(page, ":z(42,63)")


def test_the_scale_of_z_shrinks_its_norm(visit: Open) -> None:
    page = visit()
    drag(page, "Scale of z", 0.5)
    page.wait_for_selector(".dc-sample .dc-sheet[data-ready$='scale(0.5,z(1,0))']")
    page.get_by_role("button", name="Picture 1 of 64").click()
    wait_painted(page, ":scale(0.5,z(1,0))")
    norm = re.search(r"\|z\| = ([\d.]+)", page.locator(".dc-stage").inner_text())
    assert norm
    assert 2.4 < float(norm[1]) < 3.4  # half of about 5.8


def test_images_seen_draws_the_same_z_as_the_network_was(visit: Open) -> None:
    page = visit()
    final, pixels = painted(page), page.evaluate(PIXELS)
    slider = page.get_by_label("Images seen")
    slider.fill("0")
    page.wait_for_function(
        "final => document.querySelector('[data-painted]').dataset.painted !== final", arg=final
    )
    assert re.fullmatch(r"v1:faces/[a-z0-9-]+@[0-9a-f]{8}:z\(1,0\)", painted(page))
    assert page.evaluate(PIXELS) != pixels
    slider.fill(slider.get_attribute("max") or "")
    wait_painted(page, final)
    assert page.evaluate(PIXELS) == pixels


def test_on_a_phone_the_picture_stays_in_sight_while_dragging(visit: Open) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    page.get_by_label("Direction 8").scroll_into_view_if_needed()
    expect(page.locator(".dc-picture")).to_be_in_viewport(ratio=0.9)
    page.get_by_role("button", name="Picture 2 of 64").tap()
    wait_painted(page, ":z(1,1)")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_nothing_moves_but_the_picture_while_dragging(visit: Open) -> None:
    page = visit()
    page.evaluate(
        """() => {
          window.shift = 0;
          new PerformanceObserver(list => {
            for (const entry of list.getEntries()) window.shift += entry.value;
          }).observe({type: 'layout-shift'});
        }"""
    )
    for value in range(-10, 11):
        drag(page, "Direction 1", value / 10)
    wait_painted(page, "move(pc1,1,z(1,0))")
    assert page.evaluate("window.shift") == 0


def test_pixels_are_crisp_or_smooth(visit: Open) -> None:
    page = visit()
    style = "getComputedStyle(document.querySelector('.dc-picture')).imageRendering"
    assert page.evaluate(style) == "auto"
    page.get_by_label("Crisp pixels").check()
    assert page.evaluate(style) == "pixelated"
    page.reload()
    page.wait_for_selector("[data-painted]")
    assert page.evaluate(style) == "pixelated"


def test_two_visitors_do_not_disturb_each_other(visit: Open) -> None:
    one, two = visit(), visit()
    for step in range(1, 6):
        drag(one, "Direction 1", step / 2)
        drag(two, "Direction 2", -step / 2)
    wait_painted(one, "move(pc1,2.5,z(1,0))")
    wait_painted(two, "move(pc2,-2.5,z(1,0))")
    one.get_by_role("button", name="Put on the shelf").click()
    expect(two.locator(".dc-shelf li")).to_have_count(0)
