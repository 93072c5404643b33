"""The Discriminator tab, in Chromium: follow the stage, choose features, give it files."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from tests.browser.conftest import DESKTOP, PHONE, Open, painted, wait_painted

LISTED = ".dc-seeks[data-ready='faces {}']"


def open_discriminator(page: Page) -> None:
    page.get_by_role("tab", name="Discriminator").click()
    # 512 samples of whichever model is on the page are looked through
    page.wait_for_selector(".dc-seeks[data-ready$=' 0']", timeout=90_000)
    page.wait_for_selector("[data-role=stage][data-ready]")


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def sample(page: Page, place: int, feature: int) -> Locator:
    """One of those to which a feature of the trained network responds most."""
    name = re.compile(f"^Show picture {place} of 6 for feature {feature}, trained")
    return page.get_by_role("button", name=name)


def portrait() -> FilePayload:
    """No person: a bright oval on dark ground."""
    y, x = np.mgrid[-1:1:200j, -1.5:1.5:300j]
    oval = (x**2 + y**2 < 0.6)[..., None] * np.array([150, 110, 90]) + 40
    return as_file(Image.fromarray(oval.astype(np.uint8)), "portrait.jpg", "JPEG")


def as_file(image: Image.Image, name: str, kind: str, **options: object) -> FilePayload:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()}


def upload(page: Page, file: FilePayload) -> None:
    page.get_by_label("Look at a picture of yours").set_input_files(file)


def drop(page: Page, content: str) -> None:
    """Drop a file with the bytes that this JavaScript gives."""
    page.evaluate(
        f"""() => {{
          const files = new DataTransfer();
          files.items.add(new File([{content}], 'portrait.jpg'));
          document.querySelector('[data-role=upload]').dispatchEvent(
            new DragEvent('drop', {{dataTransfer: files, bubbles: true, cancelable: true}}));
        }}"""
    )


def test_the_picture_on_the_stage_is_followed_with_a_chosen_feature(visit: Open) -> None:
    page = visit()
    open_discriminator(page)
    stage = card(page, "The picture on the stage")
    expect(stage).to_contain_text(re.compile(r"D's score .\d\.\d\d \(sigmoid 0\.\d\d\)"))
    score = stage.locator(".dc-score").inner_text()
    gradients = stage.get_by_role("img").evaluate_all("images => images.map(({src}) => src)")
    assert len(set(gradients)) == 3
    press = page.get_by_role(
        "button", name=re.compile("^Show picture 2 of 6 for feature 3, trained")
    )
    press.click()
    expect(page.get_by_label("Feature", exact=True)).to_have_value("3")
    expect(page.get_by_role("button", name="Feature 3", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    wait_painted(page, press.get_attribute("data-spec") or "")
    # the response that the card states is the one that the picture was found by
    response = (press.get_attribute("aria-label") or "").rpartition(" ")[2]
    expect(stage.locator("figcaption").nth(1)).to_have_text(f"feature 3: {response}")
    expect(stage.locator(".dc-score")).not_to_have_text(score)
    strongest = stage.get_by_role("button", name=re.compile("^Feature"))
    expect(strongest).to_have_count(6)
    number = strongest.nth(1).inner_text()
    strongest.nth(1).click()
    expect(stage.locator("figcaption").nth(1)).to_contain_text(f"feature {number}:")


def test_features_are_browsed_to_the_end_and_a_wrong_number_is_refused(visit: Open) -> None:
    page = visit()
    open_discriminator(page)
    page.get_by_role("button", name="Later features").click()
    page.wait_for_selector(LISTED.format(6))
    expect(page.get_by_role("button", name="Feature 11", exact=True)).to_be_visible()
    page.get_by_role("button", name="Earlier features").click()
    page.wait_for_selector(LISTED.format(0))
    expect(page.get_by_role("button", name="Earlier features")).to_be_disabled()
    feature = page.get_by_label("Feature", exact=True)
    for bad in ("256", "-1", "1.5", ""):
        feature.fill(bad)
        feature.press("Tab")
        expect(page.locator(".dc-message")).to_contain_text("features 0 to 255")
        expect(feature).to_have_value("0")
    feature.fill("255")
    feature.press("Enter")
    expect(card(page, "The picture on the stage")).to_contain_text("feature 255:")


def test_an_upload_is_looked_at_and_nothing_is_lost_by_what_is_none(visit: Open) -> None:
    page = visit()
    open_discriminator(page)
    expect(page.locator(".dc-discriminator")).to_contain_text("keeps nothing of it")
    upload(page, portrait())
    mine = card(page, "Your picture")
    expect(mine).to_contain_text("D's score")
    before = mine.inner_text()
    refused = [
        ("portrait.png", b"These are words.", "not a picture that can be read"),
        ("empty.png", b"", "This file is empty"),
        ("wide.png", as_file(Image.new("1", (20_000, 20_000)), "", "PNG")["buffer"], "40 million"),
    ]
    for name, content, words in refused:
        upload(page, {"name": name, "mimeType": "image/png", "buffer": content})
        expect(page.locator(".dc-message")).to_contain_text(words)
        assert mine.inner_text() == before
    drop(page, "new Uint8Array(10 * 2 ** 20 + 1)")
    expect(page.locator(".dc-message")).to_contain_text("at most 10 MB")
    assert mine.inner_text() == before
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    upload(page, as_file(frames[0], "a.gif", "GIF", save_all=True, append_images=frames[1:]))
    expect(mine).to_contain_text("this is the first of them")
    # it is still there, note and all, with another feature and after a look at another tab
    page.get_by_label("Feature", exact=True).fill("7")
    page.get_by_label("Feature", exact=True).press("Tab")
    expect(mine).to_contain_text("feature 7")
    expect(mine).to_contain_text("this is the first of them")
    score = mine.locator(".dc-score").inner_text()
    page.get_by_role("tab", name="Sample").click()
    page.get_by_role("button", name="Picture 5 of 64").click()
    wait_painted(page, ":z(1,4)")
    page.get_by_role("tab", name="Discriminator").click()
    expect(mine.locator(".dc-score")).to_have_text(score)
    expect(card(page, "The picture on the stage").locator("figcaption").nth(1)).to_contain_text(
        "feature 7"
    )


def test_files_are_looked_at_that_come_early_or_are_dropped(visit: Open) -> None:
    page = visit()
    with page.expect_request("**/web/tabs/discriminator.js"):
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.route("**/web/tabs/discriminator.js", hold)
        page.get_by_role("tab", name="Discriminator").click()
    upload(page, portrait())
    held[0].continue_()
    mine = card(page, "Your picture")
    expect(mine).to_contain_text("D's score", timeout=90_000)
    shown = mine.locator("img").first
    before = shown.get_attribute("src")
    drop(page, f"new Uint8Array({list(as_file(Image.new('RGB', (90, 90)), '', 'PNG')['buffer'])})")
    expect(shown).not_to_have_attribute("src", str(before))
    expect(mine).to_contain_text("D's score")


def test_a_stage_of_training_has_no_d_and_says_so(visit: Open) -> None:
    page = visit()
    page.get_by_label("Images seen").fill("0")
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes('faces/')"
    )
    page.get_by_role("tab", name="Discriminator").click()
    page.wait_for_selector(LISTED.format(0), timeout=90_000)
    expect(card(page, "The picture on the stage")).to_contain_text("no discriminator to look into")
    page.get_by_role(
        "button", name=re.compile("^Show picture 1 of 6 for feature 0, trained")
    ).click()
    expect(card(page, "The picture on the stage")).to_contain_text("D's score")
    assert "faces@" in painted(page)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_the_screen(visit: Open, viewport: dict[str, int]) -> None:
    page = visit(viewport=viewport)
    open_discriminator(page)
    upload(page, portrait())
    expect(card(page, "Your picture")).to_contain_text("D's score")
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
