"""The presentation, by keys and by finger; and the minute-long tour, the smoke test of the page."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from dcgan.rendering.engine import Engine
from tests.browser.conftest import PHONE, Open, painted, wait_painted


def hasty(times: int) -> str:
    """A script that makes the page's clock run so many times as fast."""
    return f"""
      const now = performance.now.bind(performance), frame = requestAnimationFrame;
      performance.now = () => {times} * now();
      window.requestAnimationFrame = (does) => frame((at) => does({times} * at));
    """


HASTE = 3
FASTEST = 12
SCENES = ["Samples", "Walk", "Arithmetic", "Turn", "Forget"]
OWN_SCENES = ["On the stage", "From the shelf"]
OPEN_TOUR = """async () => {
  const of = (name) => import(new URL(`dcgan/web/${name}.js`, document.baseURI));
  const [{page}, {scenes}] = [await of("core/page"), await of("present/tour")];
  const {yours, tour} = scenes(page);
  const all = [...yours, ...tour];
"""
CAPTIONS = OPEN_TOUR + "return all.map(({title, words}) => [title, words]); }"
TEXTS_BESIDE = (
    OPEN_TOUR
    + """
  const times = [-1, -1e-9, 0, 0.5, 1, 1 + 1e-9, 2];
  const texts = () => all.flatMap(({title, at}) => times.map((t) => [title, t, at(t)]));
  const early = texts();
  await Promise.all(all.map(({ready}) => ready?.()));
  return [...early, ...texts()];
}"""
)
"""Texts of every scene before its start, within it and after its end; also once all is fetched."""
WATCH_WORDS = """() => {
  const dialog = document.querySelector('.dc-present');
  const [title, sentence] = ['h2', '.dc-present-words p'].map((of) => dialog.querySelector(of));
  window.said = [];
  new MutationObserver(() => {
    const words = [title.textContent, sentence.textContent];
    if (String(words) !== String(window.said.at(-1))) window.said.push(words);
  }).observe(dialog.querySelector('.dc-present-words'),
             {subtree: true, childList: true, characterData: true});
}"""


def captions(page: Page) -> list[list[str]]:
    """[title, words] of each scene as tour.js writes them: the visitor's own, then the tour's."""
    found = page.evaluate(CAPTIONS)
    assert not [words for _, words in found if "undefined" in words or "NaN" in words]
    return found


def said_until_the_end(page: Page, press: str) -> list[list[str]]:
    """All [title, words] that are read while the scenes play, from the press of a button on."""
    page.evaluate(WATCH_WORDS)
    page.get_by_role("button", name=press, exact=True).click()
    if press == "Present":
        page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Stop the tour")).to_be_visible()
    expect(page.get_by_role("button", name="Play the tour")).to_be_visible(timeout=60_000)
    return page.evaluate("window.said")


def unavailable(title: str) -> list[str]:
    return [title, f'The scene "{title}" can\'t be shown now.']


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
    page = visit(drawing="browser", script=hasty(HASTE), first=True)  # a minute by the page's clock
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


@pytest.mark.parametrize("model", ["faces", "rooms", "mnist", "imagenet32"])
def test_the_tour_says_its_captions_and_nothing_else(
    visit: Open, engine: Engine, model: str
) -> None:
    page = visit(script=hasty(FASTEST))
    page.locator("select[data-role=model]").select_option(model)
    wait_painted(page, str(engine.model(model).sample(1)))
    found = said_until_the_end(page, "Tour")
    assert [title for title, _ in found] == SCENES
    assert found == captions(page)[1:]  # without "On the stage"


def test_the_visitors_own_scenes_say_their_captions_and_nothing_else(visit: Open) -> None:
    page = visit(script=hasty(FASTEST))
    for number in (3, 5):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
    expected = captions(page)
    found = said_until_the_end(page, "Present")
    assert [title for title, _ in found] == [*OWN_SCENES, *SCENES]
    assert found == expected


def test_every_scene_has_a_picture_at_any_time(visit: Open) -> None:
    page = visit()
    for number in (3, 5):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
    found = page.evaluate(TEXTS_BESIDE)
    assert {title for title, _, _ in found} == {*OWN_SCENES, *SCENES}
    for title, at, text in found:
        assert str(text).startswith("v1:"), (title, at)


def test_a_scene_that_is_refused_is_named_and_the_tour_goes_on(visit: Open) -> None:
    page = visit(script=hasty(FASTEST))
    page.route(lambda url: "/pixels" in url and "slerp" in url, lambda route: route.abort())
    page.route(lambda url: "/boxes" in url, lambda route: route.abort())
    captioned = captions(page)
    found = said_until_the_end(page, "Tour")
    lost = [title for title, words in found if "can't" in words]
    assert lost == ["Walk", "Forget"]
    assert all(words in [*captioned, unavailable("Walk"), unavailable("Forget")] for words in found)
    assert list(dict.fromkeys(title for title, _ in found)) == SCENES
    expect(page.locator(".dc-present canvas")).not_to_be_visible()  # no picture of another scene
    last = shown(page)
    page.keyboard.press("Escape")
    wait_painted(page, last)  # the last that was seen
    assert not page.locator(".dc-message").is_visible()


def test_a_scene_comes_back_with_its_words_when_it_is_tried_again(visit: Open) -> None:
    page = present(visit)
    page.route("**/pixels*", lambda route: route.abort())
    page.keyboard.press("ArrowRight")
    words = page.locator(".dc-present-words p")
    expect(words).to_have_text(unavailable("Samples")[1])
    page.unroute_all()
    page.keyboard.press("ArrowUp")
    wait_shown(page, ":z(1,4)")
    expect(words).to_have_text(dict(captions(page))["Samples"])
    expect(page.locator(".dc-present canvas")).to_be_visible()
