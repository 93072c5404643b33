"""The Forget tab, in Chromium: boxes, maps, edits, by mouse, finger and keyboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from dcgan.latents.spec import Gain, parse
from dcgan.models.annotations import Box, parse_boxes
from tests.browser.conftest import PHONE, Open, painted, wait_painted

EYES = (0.2, 0.35, 0.8, 0.55)  # of a picture's side: left, top, right, bottom


@pytest.fixture
def url(blank_url: str) -> str:
    return blank_url


def open_forget(page: Page) -> None:
    page.get_by_role("tab", name="Forget").click()
    page.wait_for_selector(".dc-boxes[data-ready]")


def samples(page: Page) -> Locator:
    return page.locator(".dc-boxes button")


def draw(page: Page, number: int, box: Box = EYES) -> None:
    """Press and drag over a sample, counted from 0."""
    button = samples(page).nth(number)
    button.evaluate("button => button.scrollIntoView({block: 'end'})")  # not under a phone's stage
    place = button.bounding_box()
    assert place
    xs = [place["x"] + share * place["width"] for share in (box[0], box[2])]
    ys = [place["y"] + share * place["height"] for share in (box[1], box[3])]
    page.mouse.move(xs[0], ys[0])
    page.mouse.down()
    page.mouse.move(xs[1], ys[1], steps=3)
    page.mouse.up()


def status(page: Page) -> Locator:
    return page.locator(".dc-forget [role=status]")


def fit(page: Page) -> None:
    page.get_by_role("button", name="Find the maps").click()
    expect(status(page)).to_contain_text("positive weight", timeout=60_000)  # imports sklearn


def fitted(visit: Open) -> Page:
    page = visit()
    open_forget(page)
    for number in (0, 2, 5):
        draw(page, number)
    fit(page)
    return page


def parts(text: str) -> str:
    """Version, model and weights of a picture's text."""
    return ":".join(text.split(":")[:2])


def maps_dropped(page: Page) -> int:
    return int(page.get_by_label("Units").input_value())


def gains(page: Page, count: int) -> tuple[Gain, ...]:
    """Of the painted picture, as soon as it has so many; its text is the canonical one."""
    page.wait_for_function(
        """count => document.querySelector('[data-painted]').dataset.painted
           .split(':gain(').length === count + 1""",
        arg=count,
    )
    text = painted(page)
    spec = parse(text)
    assert str(spec) == text
    return spec.gains


def test_boxes_are_drawn_undone_deleted_and_cleared(visit: Open) -> None:
    page = visit()
    open_forget(page)
    expect(page.get_by_role("button", name="Find the maps")).to_be_disabled()
    draw(page, 0)
    draw(page, 0, (0.3, 0.7, 0.7, 0.9))
    draw(page, 3, (0.9, 0.9, 0.5, 0.5))  # from the lower right, too
    expect(status(page)).to_contain_text("3 boxes in 2 pictures")
    page.get_by_role("button", name="Undo box").click()
    expect(status(page)).to_contain_text("2 boxes in 1 picture.")
    page.get_by_role("button", name="Delete box").click()
    expect(page.locator(".dc-message")).to_contain_text("Press a box first")
    samples(page).nth(0).click(position={"x": 40, "y": 50})  # within the first box
    page.get_by_role("button", name="Delete box").click()
    expect(status(page)).to_contain_text("1 box in 1 picture.")
    page.get_by_role("button", name="Clear").click()
    expect(status(page)).to_contain_text("Press and drag over a picture")
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="Undo box").click()
    expect(status(page)).to_contain_text("2 boxes in 1 picture.")
    page.get_by_role("button", name="Further samples").click()
    expect(page.locator(".dc-pager").first).to_contain_text("13 to 24")
    expect(page.locator(".dc-boxes svg")).to_have_count(0)
    samples(page).nth(0).click()
    wait_painted(page, ":z(1,12)")
    expect(status(page)).to_contain_text("2 boxes in 1 picture.")


def test_boxes_by_keyboard(visit: Open) -> None:
    page = visit()
    open_forget(page)
    samples(page).nth(1).focus()
    page.keyboard.press("Enter")
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    frame = page.locator(".dc-boxes svg .dc-frame")
    expect(frame).to_have_attribute("x", "23")
    expect(frame).to_have_attribute("y", "23")
    expect(frame).to_have_attribute("width", "17")
    expect(frame).to_have_attribute("height", "17")
    page.keyboard.press("Delete")
    expect(frame).to_have_count(0)


def test_a_finger_draws_without_moving_the_page(visit: Open) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    open_forget(page)
    samples(page).nth(4).scroll_into_view_if_needed()
    place = samples(page).nth(4).bounding_box()
    assert place
    scrolled = page.evaluate("scrollY")
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *share: float) -> None:
        points = [
            {"x": place["x"] + share[0] * place["width"],
             "y": place["y"] + share[1] * place["height"]}
        ] if share else []  # fmt: skip
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.3, 0.2)
    for step in range(1, 8):
        touch("touchMove", 0.3 + 0.05 * step, 0.2 + 0.1 * step)
    touch("touchEnd")
    expect(status(page)).to_contain_text("1 box in 1 picture.")
    assert page.evaluate("scrollY") == scrolled


def test_maps_are_dropped_everywhere_the_page_shows_them(visit: Open) -> None:
    page = fitted(visit)
    expect(page.locator("[data-role=words]")).to_contain_text("The same, without")
    every = maps_dropped(page)
    assert 10 < every < 128
    expect(page.get_by_role("button", name="Map ", pressed=True)).to_have_count(every)
    (dropped,) = gains(page, 1)
    assert (dropped.layer, dropped.gain, len(dropped.maps)) == (3, 0, every)

    page.get_by_label("Units").fill("4")
    page.wait_for_function(
        "!document.querySelector('[data-painted]').dataset.painted.endsWith('z(1,0)')"
    )
    chips = page.locator("[data-role=chips] button")
    strongest = tuple(int(text) for text in chips.all_inner_texts()[:4])
    wait_painted(page, f":{Gain(3, 0, strongest)}")
    chips.nth(0).click()
    wait_painted(page, f":{Gain(3, 0, strongest[1:])}")
    assert maps_dropped(page) == 3
    page.get_by_label("Gain", exact=True).fill("2.5")
    wait_painted(page, f":{Gain(3, 2.5, strongest[1:])}")
    page.get_by_label("Gain of this map").fill("0.5")
    wait_painted(page, f":{Gain(3, 0.5, strongest[:1])}:{Gain(3, 2.5, strongest[1:])}")
    page.get_by_role("button", name="Edited sample 3 of 12").click()
    wait_painted(page, f":z(1,2):{Gain(3, 0.5, strongest[:1])}:{Gain(3, 2.5, strongest[1:])}")
    switch = page.get_by_role("switch", name="What is boxed")
    expect(switch).not_to_be_checked()
    switch.check()
    wait_painted(page, ":z(1,2)")
    page.get_by_label("Units").fill("0")
    expect(switch).to_be_disabled()
    page.get_by_label("Units").fill("1")  # an edit by hand is seen at once
    wait_painted(page, f":z(1,2):{Gain(3, 2.5, strongest[:1])}")
    expect(page.locator("[data-role=present-value]")).to_have_text("changed")


def test_the_activation_of_a_map_lies_over_the_samples(visit: Open) -> None:
    page = fitted(visit)
    page.get_by_label("Show where a map is active").check()
    page.locator("[data-role=chips] button").nth(2).click()
    glow = "document.querySelector('.dc-boxes').style.getPropertyValue('--glow')"
    page.wait_for_function(glow)
    looked = page.locator("[data-role=chips] button").nth(2)
    expect(looked).to_have_attribute("aria-pressed", "true")  # still dropped
    expect(looked).to_be_focused()
    before = page.evaluate(glow)
    page.get_by_role("button", name="Further samples").click()
    page.wait_for_function(f"before => {glow} !== before", arg=before)
    page.get_by_label("Show where a map is active").uncheck()
    page.wait_for_function(f"!{glow}")


def test_a_walk_through_edited_pictures_keeps_their_edits(visit: Open) -> None:
    page = visit()
    for number in (1, 2):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
    open_forget(page)
    page.get_by_role("button", name="Edit the shelf").click()
    expect(page.locator(".dc-message")).to_contain_text("No map is dropped yet")
    draw(page, 0)
    fit(page)
    page.get_by_label("Units").fill("3")
    page.get_by_role("button", name="Edit the shelf").click()
    shelf = page.locator(".dc-shelf li")
    expect(shelf.first).to_have_attribute("data-text", re.compile(r"gain\(3,0,"))
    page.get_by_role("tab", name="Walk").click()
    page.get_by_role("button", name="From the shelf").click()
    page.get_by_label("Position").fill("0.5")
    page.wait_for_function(
        """document.querySelector('[data-painted]').dataset.painted
           .includes(':slerp(0.5,z(1,0),z(1,1)):gain(3,0,')"""
    )
    (dropped,) = gains(page, 1)
    assert len(dropped.maps) == 3
    open_forget(page)
    page.get_by_role("button", name="Take edits off the shelf").click()
    expect(shelf.last).to_have_attribute("data-text", re.compile(r":z\(1,1\)$"))


def test_a_walk_on_the_stage_is_seen_with_and_without(visit: Open) -> None:
    page = fitted(visit)
    paste = page.get_by_label("A picture is its text")
    paste.fill(parts(painted(page)) + ":slerp(0.4,z(1,2),z(9,9))")
    paste.press("Enter")
    wait_painted(page, ":slerp(0.4,z(1,2),z(9,9))")
    page.get_by_role("button", name="Add the stage").click()
    expect(page.locator(".dc-boxes")).to_have_attribute("data-ready", re.compile(r":z\(1,2\)$"))
    expect(status(page)).to_contain_text("3 boxes in 3 pictures")  # the first frame had one
    samples(page).nth(7).click()
    wait_painted(page, ":z(9,9)")
    page.get_by_role("button", name="Edited sample 2 of 12").click()
    assert len(gains(page, 1)) == 1
    assert ":slerp(0.142857,z(1,2),z(9,9)):gain(3,0," in painted(page)
    page.get_by_role("button", name="Add the shelf").click()
    expect(page.locator(".dc-message")).to_contain_text("no pictures of faces")


def test_sets_are_saved_and_loaded(visit: Open, tmp_path: Path) -> None:
    page = fitted(visit)
    page.get_by_label("Name", exact=True).fill("Eyes & brows")
    page.get_by_label("Name", exact=True).blur()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save boxes").click()
    assert download.value.suggested_filename == "boxes-Eyes-brows.json"
    file = tmp_path / "set.json"
    download.value.save_as(file)
    boxes = parse_boxes(file.read_text())
    assert (boxes.name, boxes.layer, len(boxes.pictures)) == ("Eyes & brows", 3, 12)
    (box,) = boxes.pictures[2].boxes
    assert box == pytest.approx([64 * share for share in EYES], abs=0.6)

    again = visit()
    open_forget(again)
    draw(again, 7)
    choose = again.locator("[data-role=file]")
    for text, words in [
        ("{", "must be JSON"),
        (json.dumps({"version": 1}), 'must have "version"'),
        (boxes.to_json().replace("faces@", "cats@"), "no model called 'cats'"),
        (boxes.to_json().replace(boxes.weights, "00000000"), "other weights"),
        ("[" + " " * 600_000, "at most 500000 bytes"),
    ]:
        choose.set_input_files({"name": "a.json", "mimeType": "", "buffer": text.encode()})
        expect(again.locator(".dc-message")).to_contain_text(words)
        expect(status(again)).to_contain_text("1 box in 1 picture.")
    choose.set_input_files(file)
    expect(status(again)).to_contain_text("3 boxes in 3 pictures")
    expect(status(again)).to_contain_text("positive weight")
    expect(again.get_by_label("Name", exact=True)).to_have_value("Eyes & brows")
    again.get_by_role("button", name="Undo box").click()
    expect(status(again)).to_contain_text("1 box in 1 picture.")


def test_every_map_with_the_pictures_that_excite_it(visit: Open) -> None:
    page = visit()
    open_forget(page)
    page.get_by_text("Every map of a layer").click()
    page.wait_for_selector("[data-role=rows][data-ready]")
    expect(page.locator("[data-role=rows] .dc-ring")).to_have_count(48)
    page.get_by_role("button", name="Further maps").click()
    expect(page.locator("[data-role=maps-page]")).to_have_text("7 to 12 of 128")
    expect(page.locator("[data-role=row-chips] button")).to_have_text(
        [str(number) for number in range(6, 12)]
    )
    page.get_by_role("button", name="Exciting picture 1 of 48").click()
    page.wait_for_function(
        "/:z\\(1,\\d+\\)$/.test(document.querySelector('[data-painted]').dataset.painted)"
    )
    page.get_by_role("combobox", name="Layer").select_option("1")
    expect(page.locator("[data-role=maps-page]")).to_have_text("1 to 6 of 512")
    page.get_by_role("combobox", name="Of", exact=True).select_option(
        "4"
    )  # the discriminator's last
    expect(page.locator("[data-role=maps-page]")).to_have_text("1 to 6 of 256")
    expect(page.locator("[data-role=row-chips] button")).to_have_count(0)


def test_boxes_and_edits_are_still_there_after_a_look_at_another_tab(visit: Open) -> None:
    page = fitted(visit)
    every = maps_dropped(page)
    page.get_by_role("tab", name="Sample").click()
    open_forget(page)
    expect(status(page)).to_contain_text("3 boxes in 3 pictures")
    assert maps_dropped(page) == every
