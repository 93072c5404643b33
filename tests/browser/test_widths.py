"""The page at every width: sliders that can be dragged, tabs that can be reached, no overflow."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open

WIDTHS = (320, 390, 600, 781, 820, 899, 900, 1000, 1100, 1180, 1199, 1200, 1440, 1920)
TABS = 9
NARROWEST = 120
"""Pixels that a slider needs to be dragged by."""
SLIDERS = """() => [...document.querySelectorAll("input[type=range]")]
  .filter((slider) => slider.checkVisibility() && slider.getClientRects().length)
  .map((slider) => [slider.ariaLabel || slider.closest("label")?.textContent.trim() || "",
    slider.getBoundingClientRect().width])"""
BEYOND_ROW = """(tab) => {
  const at = tab.getBoundingClientRect();
  const row = tab.closest("[role=tablist]").getBoundingClientRect();
  return Math.max(row.left - at.left, at.right - row.right, -at.left, at.right - innerWidth);
}"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def narrow_sliders(page: Page) -> list[tuple[str, float]]:
    return [(name, width) for name, width in page.evaluate(SLIDERS) if width < NARROWEST]


def resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function("width => innerWidth === width", arg=width)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def beyond_row(page: Page, tab: Locator) -> float:
    """Pixels by which the row of tabs cuts a tab off, when all that scrolls has scrolled."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return tab.evaluate(BEYOND_ROW)


def tabs_of(page: Page) -> Locator:
    return page.locator(".dc-right [role=tab]:visible")


def test_every_tab_at_every_width(visit: Open) -> None:
    page = visit()
    tabs = tabs_of(page)
    page.get_by_role("tab", name="Forget").click()
    expect(page.locator(".dc-forget [data-role=present]")).to_be_enabled()  # with its set's name
    for width in WIDTHS:
        resize(page, width)
        expect(page.locator(".dc-stage canvas").first).to_be_visible()
        expect(tabs).to_have_count(TABS)
        for number in reversed(range(TABS)):
            tab = tabs.nth(number)
            tab.scroll_into_view_if_needed()
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            page.locator(".tabitem:visible section").first.wait_for()
            assert beyond_row(page, tab) <= 1, (width, number)
            assert narrow_sliders(page) == [], (width, number)
            assert page.evaluate(OVERFLOW) <= 0, (width, number)


@pytest.mark.parametrize("width", [390, 1100])
def test_tabs_are_reached_by_keyboard(visit: Open, width: int) -> None:
    page = visit(viewport={"width": width, "height": 900})
    tabs = tabs_of(page)
    tabs.first.focus()
    for number in range(1, TABS):
        page.keyboard.press("Tab")
        expect(tabs.nth(number)).to_be_focused()
        assert beyond_row(page, tabs.nth(number)) <= 1, number
    page.keyboard.press("Enter")
    expect(tabs.last).to_have_attribute("aria-selected", "true")
    assert beyond_row(page, tabs.last) <= 1


def test_selected_tab_stays_in_sight_of_a_narrower_window(visit: Open) -> None:
    page = visit()
    tabs_of(page).last.click()
    resize(page, 320)
    assert beyond_row(page, tabs_of(page).last) <= 1


def test_row_of_tabs_scrolls_by_wheel(visit: Open) -> None:
    page = visit(viewport={"width": 1100, "height": 900})
    tabs_of(page).first.hover()
    page.mouse.wheel(400, 0)
    page.wait_for_function(
        "() => { const row = document.querySelector('.dc-right [role=tablist]');"
        " return row.scrollLeft > 0 && row.scrollLeft + row.clientWidth >= row.scrollWidth - 1; }"
    )
