"""The page over weights of which one side file is damaged, and half a checkpoint."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from dcgan.ui.launch import open_checkpoints
from tests import tiny
from tests.browser.conftest import serve


def test_the_page_opens_and_says_what_is_missing(browser: Browser, tmp_path: Path) -> None:
    for name in ("good", "other", "half"):
        tiny.save(tmp_path / name)
    (tmp_path / "other" / "directions.json").write_text("{")
    (tmp_path / "half" / "model.safetensors").write_bytes(b"cut")
    with serve(open_checkpoints([str(tmp_path)])) as url:
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("[data-painted]")
        models = page.locator("select[data-role=model]")
        expect(models.locator("option")).to_have_text(["good", "other"])
        expect(page.locator(".dc-message")).not_to_be_visible()
        models.select_option("other")
        expect(page.locator(".dc-message")).to_contain_text(
            "What directions.json of other is for is missing here"
        )
        page.wait_for_selector(".dc-sample .dc-sheet[data-ready]")
        page.close()
