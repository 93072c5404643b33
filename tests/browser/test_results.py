"""The Results tab: what docs/RESULTS.md says, and curves of the figures behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from dcgan.rendering.engine import Engine
from dcgan.ui.routes import results
from tests.browser.conftest import DESKTOP, PHONE, Open, faces_alone, serve
from training.cli.experiments import EXPERIMENTS
from training.reports.results_page import RESULTS
from training.reports.results_page import results_page as written

SHIPPED = ("forget", "turn")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return faces_alone()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Figures of five experiments: two as they are shipped, three with round numbers."""
    folder = tmp_path_factory.mktemp("results")
    for name in SHIPPED:
        (folder / f"{name}.json").write_text((RESULTS / f"{name}.json").read_text())
    made = {"guidelines": guidelines(), "cifar10": cifar10(), "mnist": mnist()}
    for name, facts in made.items():
        (folder / f"{name}.json").write_text(json.dumps(facts))
    return folder


def guidelines() -> dict:
    def runs(*kids: float) -> dict:
        curve = [{"images": 1000 * at, "kid": kid} for at, kid in enumerate(kids, start=1)]
        later = [{**entry, "kid": entry["kid"] + 0.1} for entry in curve]
        return {"0": {"curve": curve}, "1": {"curve": later}}

    trained = {"the full net": runs(0.5, 0.3), "one": runs(0.7, 0.6), "two": runs(0.4)}
    return {"kid_n": 8, "images": 2000, "pictures": 99, "precision": "no", "trained": trained}


def cifar10() -> dict:
    def point(validation: float, accuracy: float) -> dict:
        return {"c": 1e-4, "validation": validation, "accuracy": accuracy}

    few = {"c": 1e-4, "accuracy": 0.5, "deviation": 0.01, "draws": 10}
    return {
        "weights": "89abcdef",
        "images_seen": 2000,
        "pictures": {"training": 99, "test": 9, "control": 20},
        "features": 16,
        "all": point(0.7, 0.69),
        "few": few,
        "control": {"trained": point(0.66, 0.65), "untrained": point(0.4, 0.42)},
        "curve": [
            {"images": 1000, "weights": "00000001", **point(0.6, 0.58)},
            {"images": 2000, "weights": "89abcdef", **point(0.66, 0.65)},
        ],
    }


def mnist() -> dict:
    def row(digits: int, rate: float) -> dict:
        found = {"rate": rate, "low": rate - 0.01, "high": rate + 0.01}
        return {"digits": digits, "minutes": 1, **found}

    return {
        "weights": "01234567",
        "images_seen": None,
        "pictures": {"test": 99},
        "generated": [row(1000, 0.1), row(100_000, 0.05)],
        "real": [row(1000, 0.08), row(10_000, 0.04)],
    }


@pytest.fixture(scope="module")
def url(engine: Engine, measured: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    report = tmp_path_factory.mktemp("docs") / "RESULTS.md"
    report.write_text(written(EXPERIMENTS, measured))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "RESULTS", measured)
        patch.setattr(results, "REPORTS", {"en": report})
        with serve(engine) as address:
            yield address


def open_results(page: Page) -> None:
    page.get_by_role("tab", name="Results").click()
    page.wait_for_selector(".dc-report[data-ready]")


def heading(page: Page, words: str) -> Locator:
    return page.locator(".dc-report").get_by_role("heading", name=words)


def test_sections_have_tables_and_what_is_long_is_folded(visit: Open) -> None:
    page = visit()
    open_results(page)
    expect(page.locator(".dc-report h2")).to_have_count(5)
    table = page.get_by_role("region", name="along").get_by_role("table")
    turned = json.loads((RESULTS / "turn.json").read_text())["turns"]["picked"]["turned"]
    row = table.get_by_role("row", name="the vector of picked exemplars")
    expect(row.get_by_role("cell").nth(1)).to_have_text(
        f"{turned['rate']:.1%} ({turned['count']} of {turned['of']})"
    )
    command = page.get_by_text("python -m training run turn")
    expect(command).to_be_hidden()
    page.get_by_text("How it was measured").nth(3).click()
    expect(command).to_be_visible()


def test_a_question_leads_to_its_section(visit: Open) -> None:
    page = visit()
    open_results(page)
    page.get_by_role("button", name="Does a vector turn heads?").click()
    title = heading(page, "Does a vector turn heads?")
    expect(title).to_be_focused()
    expect(title).to_be_in_viewport()


def test_a_heading_says_of_which_weights_it_is(visit: Open, engine: Engine) -> None:
    page = visit()
    open_results(page)
    facts = json.loads((RESULTS / "turn.json").read_text())
    assert facts["weights"] == engine.model("faces").checkpoint.hash
    expect(heading(page, "turn heads").locator("small")).to_have_text("faces")
    for words in (
        "forget windows",
        "generated digits",
        "feature extractor",
    ):  # rooms and digits are not on this page
        expect(heading(page, words).locator("small")).to_have_text(
            "measured on other weights than this page's"
        )
    expect(heading(page, "architecture guideline").locator("small")).to_have_count(0)


def test_curves_say_what_is_measured_where(visit: Open) -> None:
    dropped = json.loads((RESULTS / "forget.json").read_text())["curves"]
    page = visit()
    open_results(page)
    for chart, points in {
        "Windows left, by distance": sum(map(len, dropped.values())),
        "Mean yaw, by position": 27,
        "Error of the nearest neighbour, by digits": 4,
        "Accuracy, by images seen": 6,
        "one": 4,
        "two": 3,
    }.items():
        drawn = page.get_by_role("group", name=chart, exact=True)
        expect(drawn.locator(".dc-point")).to_have_count(points)
    one = page.get_by_role("group", name="one", exact=True)
    one.get_by_role("img", name="one, 1,000 images seen: KID 0.750").focus()
    said = page.locator(".dc-report .dc-facts").first
    expect(said).to_have_text("one, 1,000 images seen: KID 0.750")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    expect(said).to_have_text("the full net, 2,000 images seen: KID 0.350")
    page.keyboard.press("Enter")  # does nothing, and no harm
    expect(said).to_have_text("the full net, 2,000 images seen: KID 0.350")


def test_numbers_of_digits_stand_on_a_logarithmic_axis(visit: Open) -> None:
    page = visit()
    open_results(page)
    chart = page.get_by_role("group", name="Error of the nearest neighbour, by digits")
    boxes = [
        chart.get_by_role("img", name=f"{name} digits").bounding_box()
        for name in ("1,000 generated", "10,000 real", "100,000 generated")
    ]
    first, middle, last = (box["x"] + box["width"] / 2 for box in boxes if box)
    assert middle - first == pytest.approx(last - middle, abs=1)
    assert middle - first > 100


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_wide_tables_scroll_in_their_own_boxes(visit: Open, viewport: dict) -> None:
    page = visit(viewport=viewport)
    open_results(page)
    for summary in page.get_by_text("How it was measured").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    wide = page.evaluate(
        "[...document.querySelectorAll('.dc-report .dc-scroll')]"
        ".filter(({scrollWidth, clientWidth}) => scrollWidth > clientWidth).length"
    )
    assert wide > 0 or viewport == DESKTOP


def test_on_a_phone_the_picture_makes_room_for_tables(visit: Open) -> None:
    page = visit(viewport=PHONE)
    picture = page.locator(".dc-picture")
    page.get_by_role("button", name="Picture 64 of 64").scroll_into_view_if_needed()
    expect(picture).to_be_in_viewport()
    open_results(page)
    page.get_by_role("button", name="Does a vector turn heads?").click()
    expect(picture).not_to_be_in_viewport()
    page.get_by_role("tab", name="Sample").click()
    page.get_by_role("button", name="Picture 64 of 64").scroll_into_view_if_needed()
    expect(picture).to_be_in_viewport()


def test_without_results_the_tab_says_so(
    engine: Engine, measured: Path, browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "REPORTS", {"en": tmp_path / "RESULTS.md"})
    with serve(engine) as address:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("[data-painted]")
        page.get_by_role("tab", name="Results").click()
        expect(page.get_by_text("Nothing has been measured yet.")).to_be_visible()
        page.close()
