"""A model that is told which class to draw (appendix), in Chromium, beside one that is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from dcgan.latents.spec import parse
from dcgan.models import checkpoint
from dcgan.rendering.engine import Engine
from tests import tiny
from tests.browser.conftest import PHONE, SCHEMES, Open, painted, serve, wait_painted
from tests.browser.test_accessible import serious
from tests.browser.test_arithmetic import open_arithmetic
from tests.browser.test_discriminator import (
    card,
    drop,
    open_discriminator,
    portrait,
    upload,
)
from tests.browser.test_forget import draw, fit, open_forget, samples
from tests.browser.test_turn import open_turn, slide, turn_between
from tests.browser.test_walk import open_walk
from tests.test_classes import DIGITS


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("weights")
    digits = tiny.save(folder / "digits", DIGITS)
    checkpoint.save_directions(digits.folder, {"pc1": [0.5] * DIGITS.z_size})
    tiny.save(folder / "faces")
    names = ("digits", "faces")  # the page opens on the first
    with serve(Engine({name: folder / name for name in names})) as address:
        yield address


def in_class(page: Page, number: int) -> Locator:
    return page.get_by_role("button", name=f"Class {number}", exact=True)


def choose_class(page: Page, number: int) -> None:
    """Put the picture on the stage into another class."""
    in_class(page, number).click()
    wait_painted(page, f":class({number})")


def label(page: Page) -> int | None:
    return parse(painted(page)).label


def test_a_grid_of_all_classes_has_one_in_a_column_and_a_z_in_a_row(visit: Open) -> None:
    page = visit()
    wait_painted(page, ":z(1,0):class(0)")
    expect(page.get_by_text(f"drawn from {DIGITS.z_size} random numbers")).to_be_visible()
    page.get_by_role("button", name="Picture 13 of 80").click()
    wait_painted(page, ":z(1,1):class(2)")
    choice = page.get_by_role("combobox", name="Class")
    expect(choice.locator("option")).to_have_text(["All", *map(str, range(10))])
    choice.select_option("7")
    page.get_by_role("button", name="Picture 13 of 64").click()
    wait_painted(page, ":z(1,12):class(7)")
    page.get_by_label("Pictures").select_option("64")
    page.get_by_label("Scale of z").fill("0.5")
    page.get_by_role("button", name="Picture 64 of 64").click()
    wait_painted(page, ":scale(0.5,z(1,63)):class(7)")
    expect(page.locator(".dc-shelf li")).to_have_count(3)


def test_a_press_puts_the_same_z_into_another_class(visit: Open) -> None:
    page = visit()
    page.get_by_label("Direction 1", exact=True).fill("1.5")
    wait_painted(page, ":move(pc1,1.5,z(1,0)):class(0)")
    every = page.locator(".dc-every")
    expect(every).to_have_attribute("data-ready", re.compile(r"move\(pc1,1.5,z\(1,0\)\):class\(0"))
    expect(in_class(page, 0)).to_have_attribute("aria-pressed", "true")
    choose_class(page, 6)
    assert painted(page).endswith(":move(pc1,1.5,z(1,0)):class(6)")
    expect(in_class(page, 6)).to_have_attribute("aria-pressed", "true")
    expect(in_class(page, 0)).to_have_attribute("aria-pressed", "false")
    in_class(page, 7).press("Enter")
    wait_painted(page, ":class(7)")
    page.get_by_role("button", name="Reset").click()
    wait_painted(page, ":z(1,0):class(7)")


def test_classes_are_offered_where_a_model_has_some(visit: Open) -> None:
    page = visit()
    for there, model in ((True, "digits"), (False, "faces"), (True, "digits")):
        page.get_by_label("Model").select_option(model)
        page.wait_for_selector(f".dc-sample [data-role=grid][data-ready^='v1:{model}']")
        expect(page.get_by_role("combobox", name="Class")).to_be_visible(visible=there)
        expect(page.locator(".dc-every")).to_be_visible(visible=there)
        expect(page.locator("[data-role=grid] button")).to_have_count(80 if there else 64)
        wait_painted(page, ":z(1,0):class(0)" if there else ":z(1,0)")


def test_a_walk_is_of_one_class_or_keeps_the_one_that_it_left(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Picture 4 of 80").click()
    page.get_by_role("button", name="Picture 18 of 80").click()
    choose_class(page, 5)
    open_walk(page)
    expect(page.get_by_text("a picture keeps the class of the one that it left")).to_be_visible()
    page.get_by_label("Position").fill("2.5")
    page.wait_for_function("document.querySelector('[data-painted]').dataset.painted"
                           ".match(/slerp.*:class\\(5\\)$/)")  # fmt: skip
    page.get_by_role("button", name="From the shelf").click()
    expect(page.locator(".dc-keyframes li")).to_have_count(2)
    place = page.get_by_label("Position")
    place.fill("0.5")
    wait_painted(page, ":slerp(0.5,z(1,0),z(1,1)):class(3)")
    place.fill("1")
    wait_painted(page, ":z(1,1):class(7)")
    place.fill("1.5")
    wait_painted(page, ":slerp(0.5,z(1,1),z(1,0)):class(7)")


def test_sums_and_turns_are_of_the_class_on_the_stage(visit: Open) -> None:
    page = visit()
    choose_class(page, 4)
    open_arithmetic(page)
    page.wait_for_function("document.querySelector('[data-painted]').dataset.painted"
                           ".includes(':sum(')")  # fmt: skip
    assert label(page) == 4
    page.get_by_role("tab", name="Sample").click()
    choose_class(page, 8)
    open_turn(page)
    turn_between(page, ["z(5,0)"], ["z(6,0)"])
    slide(page, 0.5)
    page.wait_for_function("document.querySelector('[data-painted]').dataset.painted"
                           ".includes(':turn(0.5,z(5,0),z(6,0)')")  # fmt: skip
    assert label(page) == 8
    page.get_by_role("button", name="New head").click()
    wait_painted(page, ",0):class(8)")
    page.get_by_role("button", name="From, picture 1: choose another").click()
    page.get_by_role("button", name="Draw 2 of 18").click()
    page.get_by_role("button", name="From: show the mean picture").click()
    wait_painted(page, ",1):class(8)")


def test_boxes_on_samples_of_one_class(visit: Open) -> None:
    page = visit()
    open_forget(page)
    draw(page, 1)
    page.locator(".dc-forget").get_by_role("combobox", name="Class").select_option("3")
    page.wait_for_selector(".dc-boxes[data-ready$=':z(1,1):class(1)']")  # kept for its box
    samples(page).nth(1).click()
    wait_painted(page, ":z(1,0):class(3)")
    draw(page, 1)
    draw(page, 2)
    fit(page)
    expect(page.get_by_role("status").filter(has_text="3 boxes in 3 pictures")).to_be_visible()
    page.get_by_role("switch").uncheck()
    page.wait_for_function("document.querySelector('[data-painted]').dataset.painted"
                           ".match(/:z\\(1,0\\):gain\\(1,0,.*\\):class\\(3\\)$/)")  # fmt: skip


def test_d_looks_at_samples_and_not_at_files(visit: Open) -> None:
    page = visit()
    open_discriminator(page)
    expect(card(page, "The picture on the stage")).to_contain_text("D's score")
    expect(page.get_by_label("Look at a picture of yours")).to_be_hidden()
    expect(card(page, "Your picture")).to_be_hidden()
    sentence = "This discriminator is told the class of what it looks at"
    expect(page.locator(".dc-discriminator").get_by_text(sentence)).to_be_visible()
    drop(page, "new Uint8Array(9)")
    expect(page.locator(".dc-message")).to_contain_text(sentence)
    page.get_by_role(
        "button", name=re.compile("^Show picture 2 of 6 for feature 1, trained")
    ).click()
    wait_painted(page, ")")
    assert label(page) is not None
    expect(page.get_by_label("Feature", exact=True)).to_have_value("1")


def test_an_upload_of_another_model_is_forgotten_without_a_word(visit: Open) -> None:
    page = visit()
    page.get_by_label("Model").select_option("faces")
    open_discriminator(page)
    upload(page, portrait())
    page.wait_for_selector("[data-role=upload][data-ready]")
    page.get_by_label("Model").select_option("digits")
    page.wait_for_selector(".dc-seeks[data-ready='digits 0']")
    expect(page.locator(".dc-message.dc-error")).to_be_hidden()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_on_a_phone(visit: Open, scheme: str) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True, scheme=scheme)
    in_class(page, 9).tap()
    wait_painted(page, ":class(9)")
    for open_tab in (lambda page: None, open_walk, open_turn, open_forget, open_discriminator):
        open_tab(page)
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
