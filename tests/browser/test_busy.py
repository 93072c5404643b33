"""A server that has too much to draw: the page waits as long as it is told, and goes on."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, expect

from dcgan.latents.spec import PictureSpec, parse
from tests.browser.conftest import Open, wait_painted

SENTENCE = "Many people are drawing here just now."


@dataclass
class Busy:
    """Refuses so many requests of a route, and remembers all."""

    refusals: int
    retry_after: str = "1"
    refused: list[tuple[float, str]] = field(default_factory=list)
    taken: list[tuple[float, str]] = field(default_factory=list)

    def __call__(self, route: Route) -> None:
        asked = (time.monotonic(), route.request.url)
        if len(self.refused) == self.refusals:
            self.taken.append(asked)
            route.continue_()
            return
        self.refused.append(asked)
        route.fulfill(
            status=429,
            headers={"Retry-After": self.retry_after},
            content_type="application/json",
            body=json.dumps({"error": SENTENCE}),
        )


def spec(url: str) -> PictureSpec:
    return parse(parse_qs(urlsplit(url).query)["spec"][0])


def drag(page: Page, first: int, last: int) -> None:
    """With a frame for each step, as a hand does."""
    page.get_by_label("Direction 1", exact=True).evaluate(
        """async (slider, [first, last]) => {
          for (let i = first; i <= last; i++) {
            slider.value = i / 20;
            slider.dispatchEvent(new Event('input', {bubbles: true}));
            await new Promise(requestAnimationFrame);
          }
        }""",
        [first, last],
    )


def test_who_drags_is_not_told_of_refusals_and_has_the_newest_picture_after_them(
    visit: Open,
) -> None:
    page = visit()
    busy = Busy(refusals=3)
    page.route("**/dcgan/pixels?*", busy)
    drag(page, -40, 50)
    wait_painted(page, ":move(pc1,2.5,z(1,0))")
    expect(page.locator(".dc-message")).to_have_text("")
    assert len(busy.refused) == 3, "what is dragged past while waiting is not asked for"
    (refused, _), (start, _) = busy.refused[0], busy.taken[0]
    assert start - refused > 0.9, "two are under way at a time, so the fourth has waited"
    assert str(spec(busy.taken[-1][1])).endswith(":move(pc1,2.5,z(1,0))")
    drag(page, -10, 20)
    wait_painted(page, ":move(pc1,1,z(1,0))")


def test_after_many_refusals_the_page_says_why_nothing_comes_and_goes_on(visit: Open) -> None:
    page = visit()
    busy = Busy(refusals=7, retry_after="0.01")
    page.route("**/dcgan/pixels?*", busy)
    page.get_by_label("Direction 1", exact=True).fill("1.5")
    expect(page.locator(".dc-message")).to_have_text(SENTENCE)
    wait_painted(page, ":move(pc1,1.5,z(1,0))")
    assert len(busy.refused) == 7


def test_a_sheet_comes_after_refusals(visit: Open) -> None:
    page = visit()
    busy = Busy(refusals=2, retry_after="0.01")
    page.route("**/dcgan/sheet", busy)
    page.get_by_label("Seed").fill("42")
    page.get_by_label("Seed").press("Enter")
    page.wait_for_selector(".dc-sample .dc-sheet[data-ready$='z(42,0)']")
    expect(page.locator(".dc-message")).to_have_text("")
    assert (len(busy.refused), len(busy.taken)) == (2, 1)


def test_a_small_picture_on_the_shelf_comes_after_refusals(visit: Open) -> None:
    page = visit()
    busy = Busy(refusals=1)
    page.route("**/dcgan/picture?*", busy)
    page.get_by_role("button", name="Picture 8 of 64").click()
    page.wait_for_function(
        "() => { const i = document.querySelector('.dc-shelf img'); return i && i.naturalWidth; }"
    )
    assert len(busy.refused) == 1
