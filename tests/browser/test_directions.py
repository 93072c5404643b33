"""The bank of sliders on the Sample tab: named directions, one's own, settings kept and shared."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from dcgan.latents.spec import parse
from dcgan.rendering.engine import Engine
from tests.browser.conftest import PHONE, Open, painted, wait_painted

NAMED = {
    "faces": ["Smile", "Glasses", "Male", "Blond hair", "Bangs", "Age", "Look right"],
    "rooms": ["Windows"],
    "mnist": [],
}
FROM, TO = ["z(5,0)", "z(5,1)"], ["z(6,0)"]
TURNED = "mean(z(5,0),z(5,1)),z(6,0)"
PAIR = "neutral \N{EN DASH} smiling"
MESSAGE = ".dc-message"


def slide(page: Page, label: str, value: float) -> None:
    page.get_by_label(label, exact=True).fill(str(value))


def amount(page: Page, label: str) -> str:
    return page.get_by_label(label, exact=True).input_value()


def open_sharing(page: Page) -> None:
    page.get_by_text("Keep and share these sliders").click()


def paste(page: Page, text: str) -> None:
    field = page.get_by_label("or paste a text, press Enter")
    field.fill(text)
    field.press("Enter")


def here(page: Page) -> str:
    return painted(page).split(":")[1]


@pytest.mark.parametrize("model", NAMED)
def test_named_directions_come_first_and_by_their_plain_names(visit: Open, model: str) -> None:
    page = visit()
    page.get_by_label("Model").select_option(model)
    page.wait_for_function(
        f"document.querySelector('[data-painted]').dataset.painted.includes(':{model}@')"
    )
    labels = page.locator(".dc-sample .dc-bank input").evaluate_all(
        "all => all.map(i => i.ariaLabel)"
    )
    assert labels == [*NAMED[model], *(f"Direction {n}" for n in range(1, 9))]


def test_a_named_direction_is_dragged_beside_a_principal_one(visit: Open) -> None:
    page = visit()
    slide(page, "Direction 2", -1)
    wait_painted(page, ":move(pc2,-1,z(1,0))")
    slide(page, "Smile", 2)
    wait_painted(page, ":move(smile,2,pc2,-1,z(1,0))")
    slide(page, "Smile", 0)
    wait_painted(page, ":move(pc2,-1,z(1,0))")
    page.get_by_role("button", name="Reset").click()
    wait_painted(page, ":z(1,0)")
    assert amount(page, "Direction 2") == "0"


def test_an_amount_beyond_a_slider_stays_while_another_is_dragged(visit: Open) -> None:
    page = visit()
    model = here(page)
    field = page.get_by_label("A picture is its text")
    field.fill(f"v1:{model}:move(smile,4.5,z(1,0))")
    field.press("Enter")
    wait_painted(page, ":move(smile,4.5,z(1,0))")
    slide(page, "Glasses", 1)
    wait_painted(page, ":move(smile,4.5,glasses,1,z(1,0))")


def test_what_a_step_changes_is_said(visit: Open) -> None:
    page = visit()
    effect = page.locator("[data-role=effect]")
    expect(effect).to_contain_text("Move or point at a slider")
    slide(page, "Smile", 1)
    expect(effect).to_contain_text("a classifier that had no part in finding it goes from")
    page.get_by_label("Look right", exact=True).focus()
    expect(effect).to_contain_text("the nose goes from")
    page.get_by_label("Direction 3", exact=True).hover()
    expect(effect).to_contain_text("What a step moves most")
    page.get_by_label("Model").select_option("mnist")
    expect(effect).to_be_hidden()


def test_a_turn_becomes_a_slider_and_can_be_taken_out(visit: Open) -> None:
    page = visit()
    page.get_by_role("tab", name="Turn").click()
    page.get_by_label("Pair").select_option(label=PAIR)
    page.get_by_role("button", name="Make it a slider").click()
    expect(page.locator(MESSAGE)).to_contain_text("a slider on the Sample tab")
    page.get_by_role("tab", name="Sample").click()
    slide(page, "Direction 1", 1)
    slide(page, PAIR, 0.5)
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes(':turn(0.5,mean(')"
    )
    assert painted(page).endswith(",move(pc1,1,z(1,0)))")

    page.reload()
    page.wait_for_selector("[data-painted]")
    expect(page.get_by_label(PAIR, exact=True)).to_be_visible()
    before = painted(page)
    page.get_by_role("button", name=f"Take the slider {PAIR} out").click()
    expect(page.get_by_label(PAIR, exact=True)).to_have_count(0)
    assert painted(page) == before, "the picture stays"


def test_no_more_than_four_of_them(visit: Open) -> None:
    page = visit()
    model = here(page)
    open_sharing(page)
    for number in range(5):
        paste(page, json.dumps({"model": model, "from": FROM, "to": [f"z(6,{number})"]}))
        if number < 4:
            expect(page.get_by_label(f"Own {number + 1}", exact=True)).to_be_visible()
    expect(page.locator(MESSAGE)).to_contain_text("There is place for 4 directions")
    expect(page.get_by_label("Own 5", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Take the slider Own 2 out").click()
    paste(page, json.dumps({"model": model, "from": FROM, "to": ["z(6,9)"]}))
    expect(page.get_by_label("Own 2", exact=True)).to_be_visible()
    assert painted(page).endswith(":z(1,0)")


def test_a_setting_is_kept_by_name_over_a_visit(visit: Open) -> None:
    page = visit()
    open_sharing(page)
    page.get_by_role("button", name="Save these").click()
    expect(page.locator(MESSAGE)).to_contain_text("Give these sliders a name")
    slide(page, "Smile", 1.5)
    slide(page, "Direction 1", -2)
    page.get_by_label("Called").fill("A grin")
    page.get_by_role("button", name="Save these").click()
    expect(page.locator(MESSAGE)).to_contain_text("Kept as A grin.")

    page.reload()
    page.wait_for_selector("[data-painted]")
    page.get_by_role("button", name="Picture 3 of 64").click()
    wait_painted(page, ":z(1,2)")
    open_sharing(page)
    page.get_by_label("Saved").select_option("A grin")
    wait_painted(page, ":move(smile,1.5,pc1,-2,z(1,2))")
    assert amount(page, "Smile") == "1.5"
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_label("Saved")).to_be_hidden()


def test_a_bank_goes_to_another_visitor_as_text(visit: Open) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    model = here(page)
    open_sharing(page)
    paste(page, json.dumps({"model": model, "from": FROM, "to": TO, "name": "My own"}))
    expect(page.get_by_label("My own", exact=True)).to_be_visible()
    slide(page, "Age", -1)
    slide(page, "My own", 0.75)
    wait_painted(page, f":turn(0.75,{TURNED},move(age,-1,z(1,0)))")
    page.get_by_role("button", name="Copy as text").click()
    expect(page.locator(MESSAGE)).to_contain_text("Sliders copied.")
    text = page.evaluate("navigator.clipboard.readText()")
    assert json.loads(text) == {
        "model": model,
        "steps": {"age": -1},
        "turns": [{"name": "My own", "from": FROM, "to": TO, "amount": 0.75}],
    }

    other = visit()
    other.get_by_role("button", name="Picture 2 of 64").click()
    wait_painted(other, ":z(1,1)")
    slide(other, "Smile", 1)
    open_sharing(other)
    paste(other, text)
    wait_painted(other, f":turn(0.75,{TURNED},move(age,-1,z(1,1)))")
    assert amount(other, "My own") == "0.75"
    assert amount(other, "Smile") == "0"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("smile", "not the text of a bank"),
        ("null", "not the text of a bank"),
        ('{"model": "faces@00000000", "steps": {"pc1": 1}}', "those of faces@00000000"),
        ('{"model": "MODEL", "steps": {"grin": 1}}', "There is no direction grin here"),
        ('{"model": "MODEL", "steps": {"pc1": "1"}}', "amount of pc1 must be a number"),
        ('{"model": "MODEL", "from": ["z(1,0)"], "to": []}', "1 to 4 z's"),
        ('{"model": "MODEL", "turns": 3}', "4 directions of its own at most"),
        ('{"model": "MODEL", "from": ["z(1,0)"], "to": ["z(1)"]}', "at character"),
    ],
)
def test_what_is_no_bank_gets_a_sentence(visit: Open, text: str, says: str) -> None:
    page = visit()
    before = painted(page)
    open_sharing(page)
    paste(page, text.replace("MODEL", here(page)))
    expect(page.locator(MESSAGE)).to_contain_text(says)
    assert painted(page) == before
    expect(page.get_by_label("Own 1", exact=True)).to_have_count(0)


def test_the_browser_draws_named_and_own_directions_as_the_server_does(
    visit: Open, engine: Engine
) -> None:
    page = visit(drawing="browser", first=True)
    page.wait_for_selector("[data-here=true]")
    open_sharing(page)
    paste(page, json.dumps({"model": here(page), "from": FROM, "to": TO}))
    expect(page.get_by_label("Own 1", exact=True)).to_be_visible()  # the server has read it
    slide(page, "Glasses", 2)
    slide(page, "Own 1", 1)
    wait_painted(page, f":turn(1,{TURNED},move(glasses,2,z(1,0)))")
    seen = page.evaluate(
        """() => {
          const canvas = document.querySelector('.dc-picture');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return Array.from(data).filter((_, index) => index % 4 < 3);
        }"""
    )
    expected = engine.render([parse(painted(page))])[0].ravel()
    assert len(seen) == len(expected)
    assert max(abs(int(a) - int(b)) for a, b in zip(seen, expected, strict=True)) <= 1


def test_the_bank_fits_a_desktop_and_a_phone(visit: Open) -> None:
    page = visit()
    box = page.get_by_label("Direction 8", exact=True).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900, "all sliders in one screen"
    phone = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    phone.get_by_label("Smile", exact=True).scroll_into_view_if_needed()
    expect(phone.locator(".dc-picture")).to_be_in_viewport(ratio=0.9)
    assert phone.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
