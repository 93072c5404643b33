"""axe-core finds nothing serious, in light and dark, and nothing overflows sideways."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.browser.test_walk import open_walk


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("tab", ["Sample", "Walk"])
def test_nothing_serious(visit: Open, scheme: str, viewport: dict[str, int], tab: str) -> None:
    page = visit(scheme=scheme, viewport=viewport)
    page.get_by_role("button", name="Picture 1 of 36").click()
    if tab == "Walk":
        open_walk(page)
    found = Axe().run(page).response["violations"]
    serious = [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert not serious
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
