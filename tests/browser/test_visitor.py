"""Twelve things that a visitor tries (each by what the page says, in few presses), with pictures.

Screenshots are left in runs/visitor, to be looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from dcgan.rendering.engine import Engine, discover_checkpoints
from tests.browser.conftest import DESKTOP, PHONE, ROOT, Open, painted, serve, wait_painted
from tests.browser.test_discriminator import as_file, portrait, upload
from tests.browser.test_forget import draw
from tests.browser.test_sample import PIXELS

SHOTS = ROOT / "runs" / "visitor"
Visit = Callable[..., Page]


@pytest.fixture(
    params=[
        pytest.param((DESKTOP, {}), id="desktop"),
        pytest.param((PHONE, {"has_touch": True}), id="phone", marks=pytest.mark.long),
    ]
)
def visitor(visit: Open, request: pytest.FixtureRequest) -> Visit:
    """A visitor with a screen; what is left on it is kept as a picture."""
    viewport, options = request.param

    def come(**more: Any) -> Page:
        page = visit(viewport=viewport, **options, **more)
        request.addfinalizer(lambda: None if page.is_closed() else shoot(page, request.node.name))
        return page

    return come


def shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name.removeprefix('test_')}.png")


def press(page: Page, name: str, **options: Any) -> None:
    page.get_by_role("button", name=name, **options).first.click()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def open_yours(page: Page) -> None:
    tab(page, "Your photo")
    page.wait_for_selector(".dc-photo [aria-label='What is drawn: show it']", state="attached")


def has(page: Page, part: str) -> None:
    page.wait_for_function(
        "part => document.querySelector('[data-painted]').dataset.painted.includes(part)", arg=part
    )


def test_01_something_to_look_at_and_the_first_slider_is_followed(visitor: Visit) -> None:
    page = visitor()
    first = page.locator(".dc-bank input[type=range]").first
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    assert box
    before = page.evaluate(PIXELS)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=10)
    page.mouse.up()
    has(page, ":move(")
    assert page.evaluate(PIXELS) != before
    stage = page.locator(".dc-picture").bounding_box()
    assert stage  # it stays in sight under the finger
    assert 0 <= stage["y"] < page.viewport_size["height"]  # pyright: ignore[reportOptionalSubscript]  (it has one)


def three_on_the_shelf(page: Page) -> None:
    for number in (4, 11, 12):
        press(page, f"Picture {number} of 64")
    expect(page.locator(".dc-shelf li")).to_have_count(3)


def test_02_sixty_four_faces_and_the_three_best(visitor: Visit) -> None:
    page = visitor()
    grid = ".dc-sample [data-role=grid]"
    before = page.locator(grid).get_attribute("data-ready")
    press(page, "New pictures")
    page.wait_for_selector(f"{grid}[data-ready]:not([data-ready='{before}'])")
    three_on_the_shelf(page)


def test_03_a_walk_through_them_is_stopped_and_its_picture_kept(visitor: Visit) -> None:
    page = visitor()
    three_on_the_shelf(page)
    tab(page, "Walk")
    page.wait_for_selector(".dc-walk .dc-sheet[data-ready]")
    press(page, "From the shelf")
    press(page, "Play")
    page.wait_for_function("Number(document.querySelector('[data-role=place]').value) > 0.4")
    press(page, "Pause")
    press(page, "Put on the shelf")
    expect(page.locator(".dc-shelf li")).to_have_count(4)
    kept = page.locator(".dc-shelf li").last.get_attribute("data-text")
    assert "slerp(" in str(kept)


def test_04_and_05_a_man_smiles_by_the_papers_sum_and_turns_his_head(visitor: Visit) -> None:
    page = visitor()
    press(page, "Picture 4 of 64")  # for the second half
    tab(page, "Arithmetic")
    page.wait_for_selector(".dc-arithmetic .dc-sheet[data-ready]")
    press(page, "Y: show it and keep it")
    has(page, ":sum(1,mean(")
    smile = painted(page).split(":", 2)[2]
    tab(page, "Turn")
    page.wait_for_selector(".dc-turn .dc-sheet[data-ready]")
    page.get_by_label("Turn", exact=True).fill("-0.5")
    has(page, ":turn(-0.5,")
    assert painted(page).endswith(f",{smile})")  # still the same sum
    page.get_by_label("Turn", exact=True).fill("0.5")
    has(page, ":turn(0.5,")

    tab(page, "Arithmetic")
    press(page, "C, picture 1: choose another")
    page.get_by_role("dialog").get_by_role("button", name="Picture 1 of the shelf").click()
    has(page, ",1,mean(z(1,3),")


def test_06_windows_are_switched_off_and_walked_without(visitor: Visit) -> None:
    page = visitor()
    page.get_by_label("Model").select_option("rooms")
    tab(page, "Forget")
    windows = page.get_by_role("switch", name="Windows")
    expect(windows).to_be_enabled(timeout=60_000)
    windows.uncheck()
    has(page, ":gain(3,0,")
    page.wait_for_selector(".dc-without .dc-sheet[data-ready]")
    press(page, "Put on the shelf")
    press(page, "Edited sample 2 of")
    press(page, "Put on the shelf")
    tab(page, "Walk")
    page.wait_for_selector(".dc-walk .dc-sheet[data-ready]")
    press(page, "From the shelf")
    page.get_by_label("Position").fill("0.5")
    has(page, "slerp(0.5,")
    assert ":gain(3,0," in painted(page)


def test_07_beds_are_boxed_and_forgotten(visitor: Visit) -> None:
    page = visitor()
    page.get_by_label("Model").select_option("rooms")
    tab(page, "Forget")
    expect(page.get_by_role("switch", name="Windows")).to_be_enabled(timeout=60_000)
    press(page, "Clear")
    page.get_by_label("Name", exact=True).fill("beds")
    page.keyboard.press("Enter")
    for number in range(5):
        draw(page, number, (0.25, 0.55, 0.85, 0.95))
    draw(page, 5, (0.1, 0.1, 0.3, 0.3))
    status = page.locator(".dc-forget [role=status]")
    expect(status).to_contain_text("6 boxes in 6 pictures")
    press(page, "Undo box")
    expect(status).to_contain_text("5 boxes in 5 pictures")
    press(page, "Find the maps")
    expect(status).to_contain_text("positive weight", timeout=60_000)
    press(page, "Edited sample 1 of")
    has(page, ":gain(3,0,")
    beds = page.get_by_role("switch", name="Beds")
    expect(beds).not_to_be_checked()


def test_08_a_photograph_is_looked_at(visitor: Visit) -> None:
    page = visitor()
    tab(page, "Discriminator")
    page.wait_for_selector(".dc-seeks[data-ready$=' 0']", timeout=90_000)
    upload(page, portrait())
    card = page.get_by_role("article", name="Your picture")
    expect(card).to_contain_text("D's score", timeout=60_000)
    expect(card.get_by_role("button", name="Feature ").first).to_be_visible()


def test_09_a_friend_sees_the_same_after_a_restart(visitor: Visit, browser: Browser) -> None:
    page = visitor(permissions=["clipboard-read", "clipboard-write"])
    press(page, "Picture 5 of 64")
    page.get_by_label("Direction 2", exact=True).fill("1.5")
    has(page, "move(pc2,1.5,")
    press(page, "Copy link")
    link = page.evaluate("navigator.clipboard.readText()")
    with serve(Engine(discover_checkpoints(ROOT / "weights"))) as restarted:
        friend = browser.new_page()
        friend.goto(restarted + "?" + link.partition("?")[2])
        friend.wait_for_selector(f"[data-painted='{painted(page)}']")
        assert friend.evaluate(PIXELS) == page.evaluate(PIXELS)
        friend.close()


def test_10_ten_lines_of_python_are_one_press_away(visitor: Visit) -> None:
    page = visitor(permissions=["clipboard-read", "clipboard-write"])
    press(page, "Picture 5 of 64")
    wait_painted(page, ":z(1,4)")
    press(page, "Copy Python")
    code = page.evaluate("navigator.clipboard.readText()")
    assert f'render(checkpoint, "{painted(page)}")' in code
    assert len([line for line in code.splitlines() if line]) <= 10


def test_11_silly_things_do_no_harm(visitor: Visit) -> None:
    page = visitor()
    page.get_by_label("Seed", exact=True).fill("abc")
    page.keyboard.press("Enter")
    expect(page.locator(".dc-message")).to_contain_text("A seed is a whole number")
    for index in range(50):
        press(page, f"Picture {1 + index} of 64")
    expect(page.locator(".dc-message")).to_contain_text("The shelf holds 24 pictures")
    wait_painted(page, ":z(1,49)")
    for name in ("Undo", "Redo", "Undo", "Redo"):
        press(page, name, exact=True)

    second = page.context.new_page()
    second.goto(page.url)
    second.wait_for_selector("[data-painted]")
    second.get_by_role("button", name="Clear").first.click()
    second.close()
    open_yours(page)
    page.get_by_label("Choose a photograph").set_input_files(
        {"name": "empty.png", "mimeType": "image/png", "buffer": b""}
    )
    expect(page.locator(".dc-message")).to_contain_text("This file is empty", timeout=60_000)

    page.context.set_offline(True)
    page.get_by_label("A picture is its text").fill(painted(page).replace(":z(1,49)", ":z(9,9)"))
    page.keyboard.press("Enter")
    expect(page.locator(".dc-message")).to_contain_text("The server can't be reached")
    page.context.set_offline(False)
    page.get_by_label("A picture is its text").fill(painted(page).replace(":z(1,49)", ":z(9,8)"))
    page.keyboard.press("Enter")
    wait_painted(page, ":z(9,8)")

    page.goto(page.url.partition("?")[0] + "dcgan/models")
    page.go_back()
    page.wait_for_selector("[data-painted]")
    wait_painted(page, ":z(9,8)")  # nothing is lost


def test_12_a_talk_by_arrow_keys(visitor: Visit) -> None:
    page = visitor()
    press(page, "Present")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    expect(page.locator(".dc-present h2")).to_have_text("Turn")
    page.wait_for_function("document.querySelector('.dc-present').dataset.shown.includes('turn(')")


def test_an_own_face_smiles_and_turns(visitor: Visit, engine: Engine) -> None:
    """What the page offers beyond the twelve: a photograph becomes a picture of the network."""
    model = engine.model("faces")
    [picture] = model.render([model.sample(31, 4)])
    page = visitor()
    open_yours(page)
    began = time.monotonic()
    page.get_by_label("Choose a photograph").set_input_files(
        as_file(Image.fromarray(picture).resize((256, 256)), "me.png", "PNG")
    )
    found = page.locator(".dc-photo [data-role=distance]")
    expect(found).to_contain_text("grey levels", timeout=120_000)
    assert time.monotonic() - began < 120
    has(page, ":at(")
