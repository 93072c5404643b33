"""A run's report in a browser: from a file, without a network, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.training.reports.test_run_report import LOG, line, write_run
from training.reports.run_report import run_report

EVIL = "</script><script>document.title = 'taken'</script> & <b>bold</b>"
FRAMES = 12

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    log = [*LOG, line(1290, event=EVIL), line(1300, dead=0.0), line(1305, dead=0.0)]
    run = write_run(folder / "run", log, grids=FRAMES)
    path = folder / "report.html"
    path.write_text(run_report(run), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser: Browser, file: Path) -> Iterator[Open]:
    """Open the report; fails the test for errors and for requests but the one for the file."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_file(**options) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(f"asked {request.url}")
                if not request.url.startswith((file.as_uri(), "data:")) else None)  # fmt: skip
        page.goto(file.as_uri())
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert not complaints


def sources(page: Page) -> list[str]:
    return page.evaluate("JSON.parse(document.querySelector('#figures').textContent).film"
                         ".map(({src}) => src)")  # fmt: skip


def test_the_film_moves_by_mouse_and_keys_and_not_by_itself(visit: Open) -> None:
    page = visit()
    film, frame, slider = sources(page), page.locator("#frame"), page.locator("#slider")
    expect(frame).to_have_attribute("src", film[-1])
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 1, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(frame).to_have_attribute("src", film[0])
    expect(page.locator("#seen")).to_have_text("100 images seen")
    page.keyboard.press("ArrowRight")
    expect(frame).to_have_attribute("src", film[1])
    expect(slider).to_have_attribute("aria-valuetext", "200 images seen")
    page.keyboard.press("End")
    expect(frame).to_have_attribute("src", film[-1])


def test_the_film_plays_to_its_end_and_pauses(visit: Open) -> None:
    page = visit()
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    film, frame = sources(page), page.locator("#frame")
    page.get_by_role("button", name="Play").click()
    assert frame.get_attribute("src") == film[0]
    page.clock.run_for(310)
    assert frame.get_attribute("src") == film[2]
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(1000)
    assert frame.get_attribute("src") == film[2]
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(1000 * FRAMES)
    assert frame.get_attribute("src") == film[-1]
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_a_point_of_a_curve_brings_the_grid_nearest_to_it(visit: Open) -> None:
    page = visit()
    film = sources(page)
    point = page.locator("[aria-label^='KID, 1,000 images seen']")
    point.focus()
    expect(page.locator(".said").first).to_have_text("1,000 images seen: KID 0.9")
    page.keyboard.press("Enter")
    expect(page.locator("#frame")).to_have_attribute("src", film[9])


def test_what_was_written_by_people_is_words(visit: Open) -> None:
    page = visit()
    assert page.title() == "run: report of a run"
    expect(page.get_by_role("cell", name=EVIL)).to_be_visible()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_is_wider_than_the_page(visit: Open, viewport: dict[str, int]) -> None:
    page = visit(viewport=viewport)
    expect(page.locator("#charts .dc-line").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    for chart in page.locator("#charts svg").all():
        box = chart.bounding_box()
        assert box
        assert box["x"] + box["width"] <= viewport["width"]


def test_a_curve_that_stays_at_nothing_is_drawn(visit: Open) -> None:
    page = visit()
    dead = page.locator("#charts figure", has_text="feature maps").locator(".dc-line")
    expect(dead).to_have_attribute("d", re.compile(r"^M[\d.]+ [\d.]+L[\d.]+ [\d.]+$"))


def test_without_javascript_the_last_grid_and_the_figures_are_there(visit: Open) -> None:
    page = visit(java_script_enabled=False)
    expect(page.locator("#frame")).to_be_visible()
    expect(page.locator("#seen")).to_have_text("1,200 images seen")
    expect(page.get_by_role("button", name="Play")).to_be_hidden()
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.get_by_role("cell", name="lowest KID")).to_be_visible()
