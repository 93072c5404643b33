"""Rooms as they are shipped, in Chromium: their windows can be switched off at first sight."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from dcgan.latents.spec import parse
from tests.browser.conftest import ROOT, Open, painted, wait_painted
from tests.browser.test_forget import open_forget


def test_windows_go_at_the_first_press(visit: Open) -> None:
    facts = json.loads((ROOT / "results" / "forget.json").read_text())
    page = visit()
    face = painted(page)
    open_forget(page)
    expect(page.get_by_label("Model")).to_have_value("rooms")
    expect(page.get_by_role("button", name="Take picture 1 off the shelf")).to_have_count(1)
    windows = page.get_by_role("switch", name="Windows")
    expect(windows).to_be_enabled()
    expect(windows).to_be_checked()
    wait_painted(page, ")")
    before = painted(page)
    assert before != face
    assert parse(before).gains == ()
    windows.uncheck()
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes('gain')"
    )
    (dropped,) = parse(painted(page)).gains
    assert (dropped.layer, dropped.gain) == (3, 0)
    assert dropped.maps == tuple(sorted(facts["fit"]["maps"][: facts["goal"]["k"]]))
    lost = f"have lost {facts['goal']['fall']:.0%} of their windows"
    expect(page.locator("[data-role=measured-words]")).to_contain_text(lost)
    windows.check()
    wait_painted(page, before)
