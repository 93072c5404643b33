"""The Walk tab, in Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open, painted, wait_painted


def open_walk(page: Page) -> None:
    page.get_by_role("tab", name="Walk").click()
    page.wait_for_selector(".dc-walk .dc-sheet[data-ready]")


def walk_over_three(visit: Open) -> Page:
    page = visit()
    for number in (1, 2, 3):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
    open_walk(page)
    page.get_by_role("button", name="From the shelf").click()
    page.wait_for_selector(".dc-walk .dc-sheet[data-ready$=':z(1,0)']")
    return page


def test_a_walk_between_pictures_of_the_shelf(visit: Open) -> None:
    page = walk_over_three(visit)
    expect(page.locator(".dc-keyframes li")).to_have_count(3)
    place = page.get_by_label("Position")
    place.fill("0.5")
    wait_painted(page, ":slerp(0.5,z(1,0),z(1,1))")
    place.fill("2.25")
    wait_painted(page, ":slerp(0.25,z(1,2),z(1,0))")  # closed: the last leg leads home
    page.get_by_label("Spherical").uncheck()
    wait_painted(page, ":lerp(0.25,z(1,2),z(1,0))")
    page.get_by_label("Closed").uncheck()
    wait_painted(page, ":z(1,2)")  # an open walk ends at its last keyframe
    page.get_by_role("button", name="Step 1 of 24").click()
    wait_painted(page, ":z(1,0)")
    page.get_by_role("button", name="Go to keyframe 2").click()
    wait_painted(page, ":z(1,1)")


def test_playing_moves_and_pausing_stops(visit: Open) -> None:
    page = walk_over_three(visit)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("Number(document.querySelector('[data-role=place]').value) > 0.3")
    page.get_by_role("button", name="Pause").click()
    stopped = page.get_by_label("Position").input_value()
    page.get_by_role("button", name="Direction: forwards").click()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "stopped => Number(document.querySelector('[data-role=place]').value) < stopped - 0.1",
        arg=float(stopped),
    )
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function(
        """() => document.querySelector('[data-painted]').dataset.painted ===
           document.querySelector('.dc-text input').value"""
    )
    page.get_by_role("button", name="Put on the shelf").click()
    expect(page.locator(".dc-shelf li")).to_have_count(4)


def test_smoothness_is_stated_in_numbers(visit: Open) -> None:
    page = walk_over_three(visit)
    text = page.locator("[data-role=smoothness]")
    expect(text).to_contain_text("grey levels")
    found = re.search(r"by ([\d.]+) of 255 .* by ([\d.]+) in the largest", text.inner_text())
    assert found
    assert 0 < float(found[1]) <= float(found[2]) < 128


def test_random_keyframes_and_their_bounds(visit: Open) -> None:
    page = visit()
    open_walk(page)
    number = page.get_by_label("Number")
    for bad in ("1", "10", ""):
        number.fill(bad)
        page.get_by_role("button", name="Random").click()
        expect(page.locator(".dc-message")).to_contain_text("2 to 9 keyframes")
    number.fill("9")
    page.get_by_role("button", name="Random").click()
    expect(page.locator(".dc-keyframes li")).to_have_count(9)
    page.get_by_role("button", name="From the shelf").click()
    expect(page.locator(".dc-message")).to_contain_text("Put at least 2 pictures")
    expect(page.locator(".dc-keyframes li")).to_have_count(9)  # nothing is lost


def test_the_walk_is_still_there_after_a_look_at_another_tab(visit: Open) -> None:
    page = walk_over_three(visit)
    page.get_by_label("Position").fill("1.5")
    wait_painted(page, ":slerp(0.5,z(1,1),z(1,2))")
    page.get_by_role("tab", name="Sample").click()
    page.get_by_label("Direction 1", exact=True).fill("1")
    wait_painted(page, ":move(pc1,1,slerp(0.5,z(1,1),z(1,2)))")  # tabs compose
    page.get_by_role("tab", name="Walk").click()
    expect(page.locator(".dc-keyframes li")).to_have_count(3)
    assert painted(page).endswith(":move(pc1,1,slerp(0.5,z(1,1),z(1,2)))")


ALONG = """async ([keyframes, way]) => {
  const {along} = await import(new URL("dcgan/web/core/spec.js", document.baseURI));
  const end = keyframes.length;
  return [-1, -1e-9, 0, end, end + 1].map((at) => along(keyframes, at, way));
}"""


@pytest.mark.parametrize("closed", [False, True])
def test_a_walk_begins_and_ends_with_a_keyframe(visit: Open, closed: bool) -> None:
    page = visit()
    first, last = (f"v1:faces@01234567:z(1,{index})" for index in range(2))
    way = {"closed": closed, "spherical": True}
    end = first if closed else last
    assert page.evaluate(ALONG, [[first, last], way]) == [first, first, first, end, end]
    assert page.evaluate(ALONG, [[first], way]) == [first] * 5


def test_nothing_plays_before_there_are_keyframes(visit: Open) -> None:
    page = visit()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/models", hold)
    page.reload()
    page.get_by_role("tab", name="Walk").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.wait_for_function("document.querySelector('.dc-walk').closest('[inert]') !== null")
    page.wait_for_timeout(200)
    assert held
    for route in held:
        route.continue_()
    expect(page.locator(".dc-keyframes li")).to_have_count(5)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("Number(document.querySelector('[data-role=place]').value) > 0.3")


EMPTY_WALK = """() => {
  const kept = JSON.parse(localStorage.getItem("dcgan.history"));
  for (const { parts } of kept.moments) if (parts.walk) parts.walk.keyframes = [];
  localStorage.setItem("dcgan.history", JSON.stringify(kept));
}"""


def test_a_kept_walk_without_keyframes_begins_anew(visit: Open) -> None:
    page = visit()
    open_walk(page)
    page.wait_for_function("localStorage.getItem('dcgan.history')?.includes('\"keyframes\":[\"')")
    page.evaluate(EMPTY_WALK)
    page.reload()
    open_walk(page)
    expect(page.locator(".dc-keyframes li")).to_have_count(5)
    assert not page.locator(".dc-message").is_visible()
