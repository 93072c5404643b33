"""The presentation, by keys and by finger; and the minute-long tour, the smoke test of the page."""

from __future__ import annotations

import time

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Open, painted, wait_painted

HASTE = 3
HASTY = f"""
  const now = performance.now.bind(performance), frame = requestAnimationFrame;
  performance.now = () => {HASTE} * now();
  window.requestAnimationFrame = (does) => frame((at) => does({HASTE} * at));
"""
SCENES = ["Samples", "Walk", "Arithmetic", "Turn", "Forget"]


def title(page: Page) -> str:
    return page.locator(".dc-present h2").inner_text()


def shown(page: Page) -> str:
    return page.locator(".dc-present").get_attribute("data-shown") or ""


def wait_shown(page: Page, part: str) -> None:
    page.wait_for_function(
        "part => document.querySelector('.dc-present').dataset.shown?.includes(part)", arg=part
    )


def present(visit: Open, **options) -> Page:
    page = visit(**options)
    page.get_by_role("button", name="Present").click()
    wait_shown(page, ":z(1,0)")
    return page


def test_a_talk_is_given_with_the_arrow_keys(visit: Open) -> None:
    page = present(visit)
    assert title(page) == "On the stage"
    for scene in SCENES:
        page.keyboard.press("ArrowRight")
        expect(page.locator(".dc-present h2")).to_have_text(scene)
    page.keyboard.press("PageUp")  # a clicker's
    assert title(page) == "Turn"
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    wait_shown(page, "turn(0.698619,")
    page.get_by_label("By hand").focus()
    page.keyboard.press("b")
    expect(page.locator(".dc-present canvas")).not_to_be_visible()
    page.keyboard.press("PageDown")
    expect(page.locator(".dc-present canvas")).to_be_visible()
    page.wait_for_selector(".dc-present[data-ready]")
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    wait_shown(page, "gain(3,0.000047,")
    last = shown(page)
    assert "rooms@" in last
    page.keyboard.press("Escape")
    expect(page.locator(".dc-present")).not_to_be_visible()
    wait_painted(page, last[-20:])  # goes on where the talk ended
    assert painted(page) == last


def test_a_finger_is_enough(visit: Open) -> None:
    page = present(visit, viewport=PHONE, has_touch=True)
    page.get_by_role("button", name="Arithmetic").tap()
    wait_shown(page, "sum(0,")
    page.get_by_label("By hand").fill("0.5")
    wait_shown(page, "sum(1,")
    page.get_by_role("button", name="The scene before").tap()
    assert title(page) == "Walk"
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("button", name="End", exact=True).tap()
    expect(page.locator(".dc-present")).not_to_be_visible()


def test_the_shelf_is_walked_through(visit: Open) -> None:
    page = visit()
    for number in (3, 5):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
    page.get_by_role("button", name="Present").click()
    page.keyboard.press("ArrowRight")
    assert title(page) == "From the shelf"
    wait_shown(page, ":z(1,2)")
    page.get_by_label("By hand").fill("0.25")
    wait_shown(page, "slerp(0.5,z(1,2),z(1,4))")


def test_it_can_be_read_from_the_last_row(visit: Open) -> None:
    page = present(visit)
    page.keyboard.press("ArrowRight")
    for selector, least in (("h2", 60), (".dc-present-words p", 40)):
        size = page.locator(f".dc-present {selector}").first.evaluate(
            "element => parseFloat(getComputedStyle(element).fontSize)"
        )
        assert size >= least  # of the 900 pixels' height
    box = page.locator(".dc-present canvas").bounding_box()
    assert box
    assert box["height"] >= 0.8 * 900
    words = page.locator(".dc-present-words p").inner_text().split()
    assert len(words) <= 12


def test_the_tour_is_stopped_at_any_moment(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Tour").click()
    wait_shown(page, ":z(1,83)")
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    stopped = page.get_by_label("By hand").input_value()
    page.wait_for_timeout(600)
    assert page.get_by_label("By hand").input_value() == stopped
    page.keyboard.press("Space")
    wait_shown(page, ":z(1,10)")
    page.keyboard.press("ArrowUp")  # whoever takes it into the hand stops it as well
    expect(page.get_by_role("button", name="Play the tour")).to_be_visible()
    page.get_by_role("button", name="Play the tour").click()
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    kept = painted(page)
    page.wait_for_timeout(600)
    assert painted(page) == kept


def test_the_tour_takes_a_minute_and_no_connection(visit: Open) -> None:
    page = visit(drawing="browser", script=HASTY, first=True)  # a minute by the page's clock
    page.get_by_role("button", name="Present").click()
    page.wait_for_selector(".dc-present[data-ready]", timeout=120_000)
    page.context.set_offline(True)
    page.evaluate(
        """() => {
          const dialog = document.querySelector('.dc-present');
          window.seen = {};
          new MutationObserver(() => {
            const title = dialog.querySelector('h2').textContent;
            (window.seen[title] ??= new Set()).add(dialog.dataset.shown);
          }).observe(dialog, {attributeFilter: ['data-shown']});
        }"""
    )
    began = time.monotonic()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play the tour")).to_be_visible(timeout=90_000)
    assert 58 < HASTE * (time.monotonic() - began) < 66
    seen = page.evaluate("Object.entries(window.seen).map(([title, texts]) => [title, texts.size])")
    assert [scene for scene, _ in seen] == SCENES
    assert dict(seen)["Samples"] == 7
    assert all(count > 20 for scene, count in seen if scene != "Samples")
    assert title(page) == "Forget"
    expect(page.locator(".dc-present-words p")).to_contain_text("windows")
    assert "gain(3," in " ".join(page.evaluate("[...window.seen.Forget]"))
