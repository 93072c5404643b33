"""The page at every width: sliders that can be dragged, tabs that can be reached, no overflow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open

WIDTHS = (320, 390, 600, 781, 820, 899, 900, 1000, 1100, 1180, 1199, 1200, 1440, 1920)
TABS = 9
NARROWEST = 120
"""Pixels that a slider needs to be dragged by."""
SLIDERS = """() => [...document.querySelectorAll("input[type=range]")]
  .filter((slider) => slider.checkVisibility() && slider.getClientRects().length)
  .map((slider) => [slider.ariaLabel || slider.closest("label")?.textContent.trim() || "",
    slider.getBoundingClientRect().width])"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def narrow_sliders(page: Page) -> list[tuple[str, float]]:
    return [(name, width) for name, width in page.evaluate(SLIDERS) if width < NARROWEST]


def resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function("width => innerWidth === width", arg=width)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def test_sample_at_every_width(visit: Open) -> None:
    page = visit()
    for width in WIDTHS:
        resize(page, width)
        assert page.evaluate(OVERFLOW) <= 0, width
        assert narrow_sliders(page) == [], width
        expect(page.locator(".dc-stage canvas").first).to_be_visible()
        tabs = page.locator(".dc-right [role=tab]:visible")
        expect(tabs).to_have_count(TABS)
        for number in (TABS - 1, 0):
            tab = tabs.nth(number)
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            box = tab.bounding_box()
            assert box
            assert box["x"] >= 0, (width, number)
            assert box["x"] + box["width"] <= width, (width, number)


@pytest.mark.parametrize("width", [820, 1100])
def test_every_tab_where_columns_change(visit: Open, width: int) -> None:
    page = visit(viewport={"width": width, "height": 900})
    names = page.locator(".dc-right [role=tab]:visible").all_inner_texts()
    assert len(names) == TABS
    for name in names:
        page.get_by_role("tab", name=re.compile(f"^{re.escape(name)}$")).click()
        page.locator(".tabitem:visible section").first.wait_for()
        assert narrow_sliders(page) == [], name
        assert page.evaluate(OVERFLOW) <= 0, name
