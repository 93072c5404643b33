"""axe-core finds nothing serious on any tab, in light and dark, and nothing overflows sideways."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.browser.test_arithmetic import open_arithmetic
from tests.browser.test_discriminator import open_discriminator
from tests.browser.test_forget import open_forget
from tests.browser.test_map import open_map
from tests.browser.test_results import open_results
from tests.browser.test_turn import open_turn
from tests.browser.test_walk import open_walk

OPENERS = {
    "Sample": lambda page: None,  # the page opens there
    "Walk": open_walk,
    "Map": open_map,
    "Arithmetic": open_arithmetic,
    "Turn": open_turn,
    "Your photo": lambda page: page.get_by_role("tab", name="Your photo").click(),
    "Forget": open_forget,
    "Discriminator": open_discriminator,
    "Results": open_results,
}


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [
        pytest.param("light", DESKTOP, id="desktop-light"),
        pytest.param("dark", PHONE, id="phone-dark", marks=pytest.mark.long),
        pytest.param("dark", DESKTOP, id="desktop-dark", marks=pytest.mark.long),
        pytest.param("light", PHONE, id="phone-light", marks=pytest.mark.long),
    ],
)
def test_nothing_serious(visit: Open, scheme: str, viewport: dict[str, int]) -> None:
    page = visit(scheme=scheme, viewport=viewport)
    page.get_by_role("button", name="Picture 1 of 64").click()
    tabs = page.get_by_role("tab").all_inner_texts()
    assert tabs == list(OPENERS), "a tab that is not looked at"
    found = {}
    for tab, open_tab in OPENERS.items():
        open_tab(page)
        found[tab] = serious(page)
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"], tab
    assert not any(found.values()), found


ALIKE = ".dc-sheet button:nth-child(n+9)"
"""Of hundreds of pictures in a sheet the first eight stand for all."""


def serious(page: Page) -> list[tuple[str, list[str]]]:
    """Rules that are broken, each with where."""
    found = Axe().run(page, {"exclude": [[ALIKE]]}, {"resultTypes": ["violations"]}).response
    return [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]])
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
    ]
