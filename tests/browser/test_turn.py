"""The Turn tab, in Chromium."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from dcgan.rendering.engine import Engine
from tests.browser.conftest import Open, painted, wait_painted

MEAN = r"mean\((?:z\(\d+,\d+\),){3}z\(\d+,\d+\)\)"


def open_turn(page: Page) -> None:
    page.get_by_role("tab", name="Turn").click()
    page.wait_for_selector(".dc-turn .dc-sheet[data-ready]")


def open_text(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name="A picture is its text")
    field.fill(text)
    field.press("Enter")
    wait_painted(page, text)


def paste(page: Page, turn: str) -> None:
    field = page.get_by_label("or paste one")
    field.fill(turn)
    field.press("Enter")


def turn_between(page: Page, *pair: list[str]) -> None:
    """Use this pair, through the field where a copied one is pasted."""
    model = painted(page).split(":")[1]
    paste(page, json.dumps({"model": model, "from": pair[0], "to": pair[1]}))
    expect(page.locator(".dc-message")).to_have_text("This turn is in use now.")


def slide(page: Page, amount: float) -> None:
    page.get_by_label("Turn", exact=True).fill(str(amount))


def value(page: Page) -> str:
    return page.get_by_label("Turn", exact=True).input_value()


def test_the_slider_turns_the_picture_on_the_stage(visit: Open) -> None:
    page = visit()
    open_turn(page)
    assert painted(page).endswith(":z(1,0)")  # nothing moves but what the visitor moves
    slide(page, 0.5)
    wait_painted(page, ",z(1,0))")
    assert re.search(rf":turn\(0\.5,{MEAN},{MEAN},z\(1,0\)\)$", painted(page))
    slide(page, 0)
    wait_painted(page, ":z(1,0)")
    turn_between(page, ["z(5,0)", "z(5,1)"], ["z(6,0)"])
    slide(page, -1.25)
    wait_painted(page, ":turn(-1.25,mean(z(5,0),z(5,1)),z(6,0),z(1,0))")
    page.get_by_role("button", name="Reset").click()
    wait_painted(page, ":z(1,0)")


def test_walks_sums_and_edits_are_turned_as_they_are(visit: Open) -> None:
    page = visit()
    open_turn(page)
    turn_between(page, ["z(5,0)"], ["z(6,0)"])
    model = painted(page).split(":")[1]
    for z in ("slerp(0.3,z(1,2),z(1,3))", "sum(1,z(1,1),-1,z(1,2),1,z(1,3))"):
        open_text(page, f"v1:{model}:{z}:gain(3,0,1-5)")
        slide(page, 1)
        wait_painted(page, f":turn(1,z(5,0),z(6,0),{z}):gain(3,0,1-5)")
    page.get_by_role("tab", name="Sample").click()
    page.get_by_label("Direction 1", exact=True).fill("1")
    wait_painted(page, f":move(pc1,1,turn(1,z(5,0),z(6,0),{z})):gain(3,0,1-5)")


def test_the_shelf_remembers_how_far_a_head_is_turned(visit: Open) -> None:
    page = visit()
    open_turn(page)
    turn_between(page, ["z(5,0)"], ["z(6,0)"])
    slide(page, 0.75)
    wait_painted(page, ":turn(0.75,z(5,0),z(6,0),z(1,0))")
    page.get_by_role("button", name="Put on the shelf").click()
    page.get_by_role("button", name="New head").click()
    page.wait_for_function(
        r"() => /:z\(\d+,0\)$/.test(document.querySelector('[data-painted]').dataset.painted)"
    )
    assert value(page) == "0"
    page.get_by_role("button", name="Show picture 1 of the shelf").click()
    wait_painted(page, ":turn(0.75,z(5,0),z(6,0),z(1,0))")
    assert value(page) == "0.75"

    # with another pair it is a head like any other, and its own turn can be had back
    page.get_by_role("button", name="Random pictures").click()
    assert value(page) == "0"
    assert painted(page).endswith(":turn(0.75,z(5,0),z(6,0),z(1,0))")
    page.get_by_role("button", name="Use the turn of this picture").click()
    assert value(page) == "0.75"
    slide(page, 1)
    wait_painted(page, ":turn(1,z(5,0),z(6,0),z(1,0))")


def test_another_picture_in_the_pair_turns_at_once(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Picture 4 of 64").click()
    open_turn(page)
    turn_between(page, ["z(5,0)"], ["z(6,0)", "z(6,1)"])
    slide(page, 1)
    wait_painted(page, ":turn(1,z(5,0),mean(z(6,0),z(6,1)),z(1,3))")
    page.get_by_role("button", name="To: take picture 1 out").click()
    wait_painted(page, ":turn(1,z(5,0),z(6,1),z(1,3))")
    page.get_by_role("button", name="From, picture 2: choose one").click()
    page.get_by_role("dialog").get_by_role("button", name="Picture 1 of the shelf").click()
    page.get_by_role("button", name="Done").click()
    wait_painted(page, ":turn(1,mean(z(5,0),z(1,3)),z(6,1),z(1,3))")
    page.get_by_role("button", name="To: take picture 1 out").click()
    expect(page.get_by_label("Turn", exact=True)).to_be_disabled()  # no way without an end


def test_nine_positions_of_several_heads(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Picture 7 of 64").click()
    open_turn(page)
    turn_between(page, ["z(5,0)"], ["z(6,0)"])
    row = page.locator(".dc-turn .dc-sheet button")
    expect(row).to_have_count(45)
    page.get_by_role("button", name="From the shelf").click()
    expect(row).to_have_count(9)
    page.wait_for_selector(".dc-turn .dc-sheet[data-ready$=':turn(-1,z(5,0),z(6,0),z(1,6))']")
    page.get_by_role("button", name="Position 8 of 9").click()
    wait_painted(page, ":turn(0.75,z(5,0),z(6,0),z(1,6))")
    assert value(page) == "0.75"
    page.get_by_role("button", name="Position 5 of 9").click()
    wait_painted(page, ":z(1,6)")


def test_a_turn_is_copied_and_pasted_by_another_visitor(visit: Open) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    open_turn(page)
    page.get_by_role("button", name="Copy the turn").click()
    expect(page.locator(".dc-message")).to_have_text("Turn copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    turn = json.loads(copied)
    assert turn["model"] == painted(page).split(":")[1]
    assert [len(turn["from"]), len(turn["to"])] == [4, 4]
    other = visit()
    open_turn(other)
    paste(other, copied)
    expect(other.locator(".dc-message")).to_have_text("This turn is in use now.")
    slide(other, 1)
    means = [f"mean({','.join(turn[side])})" for side in ("from", "to")]
    wait_painted(other, f":turn(1,{means[0]},{means[1]},z(1,0))")


BAD = [
    ("abc", "This is not the text of a turn"),
    ("null", "1 to 4 z's on either side"),
    ('{"model": "MODEL", "from": ["z(1,0)"], "to": []}', "1 to 4 z's on either side"),
    ('{"model": "MODEL", "from": ["z(1,0)"], "to": [1]}', "1 to 4 z's on either side"),
    ('{"model": "rooms@01234567", "from": ["z(1,0)"], "to": ["z(1,1)"]}', "made with rooms@0123"),
    ('{"model": "MODEL", "from": ["z(1,0)"], "to": ["z(1,1),z(1,2)"]}', "expected ':'"),
    ('{"model": "MODEL", "from": ["z(1,0)"], "to": ["move(frown,1,z(1,1))"]}', "no direction"),
]


def test_a_pasted_turn_that_is_none_gets_a_sentence(visit: Open) -> None:
    page = visit()
    open_turn(page)
    turn_between(page, ["z(5,0)"], ["z(6,0)"])
    model = painted(page).split(":")[1]
    for form, sentence in BAD:
        pasted = form.replace("MODEL", model)
        paste(page, pasted)
        expect(page.locator(".dc-message")).to_contain_text(sentence)
        assert page.get_by_label("or paste one").input_value() == pasted
    slide(page, 1)
    wait_painted(page, ":turn(1,z(5,0),z(6,0),z(1,0))")  # the pair is still there


def test_a_shipped_pair(visit: Open, engine: Engine) -> None:
    sets = engine.model("faces").checkpoint.sets
    if not sets["turns"]:
        pytest.skip("weights/faces ships no pairs yet")
    page = visit()
    open_turn(page)
    ends = [sets["exemplars"][name] for name in sets["turns"][-1]]
    page.get_by_label("Pair", exact=True).select_option(index=len(sets["turns"]))
    slide(page, 1)
    means = [f"mean({','.join(zs[:4])})" for zs in ends]
    wait_painted(page, f":turn(1,{means[0]},{means[1]},z(1,0))")
