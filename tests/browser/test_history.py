"""Undo and redo of what the page shows, and what is left of it after a reload."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Open, painted, wait_painted
from tests.browser.test_walk import open_walk, walk_over_three

MOMENTS = (
    "() => (JSON.parse(localStorage.getItem('dcgan.history')) ?? {moments: []}).moments.length"
)


def wait_moments(page: Page, count: int) -> None:
    page.wait_for_function(f"() => ({MOMENTS})() === {count}")


def undo(page: Page) -> None:
    page.get_by_role("button", name="Undo", exact=True).first.click()


def redo(page: Page) -> None:
    page.get_by_role("button", name="Redo").click()


def test_pictures_and_the_shelf_are_taken_back_and_done_again(visit: Open) -> None:
    page = visit()
    wait_moments(page, 1)
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Picture 5 of 64").click()  # on the stage and on the shelf
    wait_moments(page, 2)
    page.get_by_label("Direction 1", exact=True).fill("2")
    wait_moments(page, 3)
    page.get_by_role("button", name="Clear").click()
    undo(page)  # at once: what has just been done counts
    expect(page.locator(".dc-shelf li")).to_have_count(1)
    undo(page)
    wait_painted(page, ":z(1,4)")
    assert page.get_by_label("Direction 1", exact=True).input_value() == "0"
    undo(page)
    wait_painted(page, ":z(1,0)")
    expect(page.locator(".dc-shelf li")).to_have_count(0)
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    for _ in range(3):
        redo(page)
    wait_painted(page, ":move(pc1,2,z(1,4))")
    expect(page.locator(".dc-shelf li")).to_have_count(0)
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()


def test_what_is_done_after_an_undo_takes_the_place_of_what_was_undone(visit: Open) -> None:
    page = visit()
    wait_moments(page, 1)
    page.get_by_role("button", name="Picture 5 of 64").click()
    wait_moments(page, 2)
    page.keyboard.press("Control+z")
    wait_painted(page, ":z(1,0)")
    page.get_by_role("button", name="Picture 7 of 64").click()
    wait_painted(page, ":z(1,6)")
    wait_moments(page, 2)
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+y")
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    assert painted(page).endswith(":z(1,6)")


def test_a_drag_is_one_moment(visit: Open) -> None:
    page = visit()
    wait_moments(page, 1)
    page.get_by_label("Direction 1", exact=True).evaluate(
        """async (slider) => {
          for (let i = 1; i <= 40; i++) {
            slider.value = i / 20;
            slider.dispatchEvent(new Event('input', {bubbles: true}));
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    wait_painted(page, ":move(pc1,2,z(1,0))")
    wait_moments(page, 2)
    undo(page)
    wait_painted(page, ":z(1,0)")


def test_typing_is_the_browsers_own_to_take_back(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Picture 5 of 64").click()
    wait_moments(page, 2)
    page.get_by_label("Seed").focus()
    page.keyboard.press("Control+z")
    page.wait_for_timeout(200)
    assert painted(page).endswith(":z(1,4)")


def test_a_walk_is_taken_back_with_its_keyframes(visit: Open) -> None:
    page = walk_over_three(visit)
    page.get_by_label("Position").fill("0.5")
    wait_painted(page, ":slerp(0.5,z(1,0),z(1,1))")
    page.wait_for_timeout(700)
    page.get_by_role("button", name="Random").click()
    expect(page.locator(".dc-keyframes li")).not_to_have_count(3)
    undo(page)
    expect(page.locator(".dc-keyframes li")).to_have_count(3)
    wait_painted(page, ":slerp(0.5,z(1,0),z(1,1))")


def test_a_reload_and_another_model_lose_nothing(visit: Open) -> None:
    page = walk_over_three(visit)
    page.get_by_label("Position").fill("1.5")
    wait_painted(page, ":slerp(0.5,z(1,1),z(1,2))")
    page.wait_for_timeout(700)
    page.get_by_label("Model").select_option("rooms")
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes('rooms@')"
    )
    page.reload()
    page.wait_for_selector("[data-painted*='rooms@']")
    expect(page.get_by_label("Model")).to_have_value("rooms")
    undo(page)
    wait_painted(page, ":slerp(0.5,z(1,1),z(1,2))")
    assert "faces@" in painted(page)
    expect(page.get_by_label("Model")).to_have_value("faces")
    page.get_by_role("tab", name="Walk").click()
    expect(page.locator(".dc-keyframes li")).to_have_count(3)


def test_earlier_pictures_are_shown_and_come_back(visit: Open) -> None:
    page = visit(viewport=PHONE)
    for number in (3, 5, 9):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
        wait_painted(page, f":z(1,{number - 1})")
        page.wait_for_timeout(600)
    page.get_by_role("button", name="History").click()
    earlier = page.get_by_role("button", name="Show this earlier picture")
    expect(earlier).to_have_count(4)
    earlier.nth(2).click()
    wait_painted(page, ":z(1,2)")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_at_most_fifty_moments_are_kept(visit: Open) -> None:
    page = visit()
    wait_moments(page, 1)
    page.evaluate(
        """() => {
          const kept = JSON.parse(localStorage.getItem('dcgan.history'));
          const [first] = kept.moments;
          const moment = (i) => ({...first, picture: first.picture.replace('z(1,0)', `z(2,${i})`)});
          kept.moments = Array.from({length: 50}, (_, i) => moment(i));
          localStorage.setItem('dcgan.history', JSON.stringify({...kept, at: 49}));
          window.addEventListener('pagehide', (e) => e.stopImmediatePropagation(), true);
        }"""
    )
    page.reload()
    page.wait_for_selector("[data-painted$=':z(2,49)']")
    page.get_by_role("button", name="Picture 5 of 64").click()
    page.wait_for_function(
        """() => JSON.parse(localStorage.getItem('dcgan.history'))
          .moments[49].picture.endsWith(',4)')"""
    )
    wait_moments(page, 50)


def test_rubbish_in_the_storage_and_weights_that_are_gone_do_no_harm(visit: Open) -> None:
    old = {"moments": [{"picture": "v1:faces@01234567:z(9,9)", "shelf": [], "parts": {}}], "at": 0}
    nonsense = {"moments": [{"picture": "nonsense", "shelf": ["nonsense"]}], "at": 0}
    for kept in (
        "[1, 2]",
        "null",
        '{"moments": 7, "at": "x"}',
        json.dumps(old),
        json.dumps(nonsense),
    ):
        page = visit(script=f"localStorage.setItem('dcgan.history', {json.dumps(kept)});")
        assert painted(page).endswith(":z(1,0)")


def test_what_tabs_kept_is_taken_up_without_what_is_damaged(visit: Open) -> None:
    page = visit()
    wait_moments(page, 1)
    page.evaluate(
        """() => {
          const kept = JSON.parse(localStorage.getItem('dcgan.history'));
          const { picture } = kept.moments[0];
          kept.moments[0].parts = {
            walk: {keyframes: [picture, 7, 'nonsense', picture], place: 'x', closed: null},
            arithmetic: {terms: [{texts: [picture, 'nonsense']}, 7], weights: ['x', 1e9, 0.5]},
          };
          localStorage.setItem('dcgan.history', JSON.stringify(kept));
          localStorage.setItem('dcgan.shelf', JSON.stringify(['nonsense', picture]));
          window.addEventListener('pagehide', (e) => e.stopImmediatePropagation(), true);
        }"""
    )
    page.reload()
    page.wait_for_selector("[data-painted]")
    expect(page.locator(".dc-shelf li")).to_have_count(1)
    open_walk(page)
    expect(page.locator(".dc-keyframes li")).to_have_count(2)
    expect(page.get_by_label("Position")).to_have_value("0")
    expect(page.get_by_label("Closed")).to_be_checked()
    page.get_by_role("tab", name="Arithmetic").click()
    expect(page.locator(".dc-arithmetic [data-term] img")).to_have_count(1)
    for title, weight in (("A", "1"), ("B", "1"), ("C", "0.5")):
        expect(page.get_by_label(f"Weight of {title}")).to_have_value(weight)
