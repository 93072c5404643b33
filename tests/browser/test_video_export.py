"""Walks, turns, sums and edits saved as films, and the shelf as a zip, in Chromium."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

from dcgan.latents.spec import Gain, parse
from dcgan.media import images, video
from dcgan.rendering.engine import Engine
from tests.browser.conftest import DESKTOP, PHONE, ROOT, Open, painted
from tests.browser.test_arithmetic import open_arithmetic
from tests.browser.test_turn import open_turn
from tests.browser.test_walk import open_walk, walk_over_three


def save(page: Page, **chosen: str) -> tuple[str, Path]:
    """Through the dialog; the name of the file, and where it is."""
    page.get_by_role("button", name="Save as a film").click()
    dialog = page.get_by_role("dialog")
    for name, value in chosen.items():
        field = dialog.get_by_label(name, exact=True)
        if name in ("Seconds", "Frames"):
            field.fill(value)
        else:
            field.select_option(value)
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    return saved.value.suggested_filename, saved.value.path()


def frames(path: Path) -> np.ndarray:
    with av.open(io.BytesIO(path.read_bytes()), "r") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def texts(path: Path) -> list[str]:
    return video.read_texts(path.read_bytes())


def test_a_walk_takes_as_long_as_it_plays(visit: Open) -> None:
    page = walk_over_three(visit)
    page.get_by_label("Speed").fill("1.5")
    name, path = save(page, Format="webp", Pixels="256")
    assert name == "walk.webp"
    with Image.open(path) as moving:
        assert getattr(moving, "n_frames", 1) == 30  # three legs, at 1.5 a second
        assert (moving.size, moving.info["loop"]) == ((256, 256), 0)
    assert texts(path)[0].endswith(":z(1,0)")
    assert texts(path)[5].endswith(":slerp(0.5,z(1,0),z(1,1))")
    assert texts(path)[29].endswith(":slerp(0.9,z(1,2),z(1,0))")

    page.get_by_label("Closed").uncheck()
    _, path = save(page, Format="gif", Seconds="2")
    assert len(texts(path)) == 30
    assert texts(path)[15].endswith(":z(1,2)"), "an open walk goes there and back"
    assert texts(path)[1] == texts(path)[29]


def test_a_turn_goes_there_and_back_without_a_jump(visit: Open) -> None:
    page = visit()
    open_turn(page)
    page.get_by_label("Turn", exact=True).fill("0.5")
    name, path = save(page, Format="mp4", Pixels="64", Seconds="2")
    assert name == "turn.mp4"
    amounts = [parse(text).z.amount for text in texts(path)]  # pyright: ignore[reportAttributeAccessIssue]  (a Turn's)
    assert len(amounts) == 30
    assert (amounts[0], amounts[15]) == (-1, 1)
    assert amounts[1:] == amounts[:0:-1]
    found = frames(path)
    assert found.shape == (30, 64, 64, 3)
    steps = images.frame_differences(np.concatenate([found, found[:1]]))
    assert steps[-1] < steps.max()
    # what stands in the file is what the server draws of its texts
    drawn = Engine({"faces": ROOT / "weights" / "faces"}).render([parse(t) for t in texts(path)])
    assert np.sqrt(((found.astype(float) - drawn) ** 2).mean()) < 255 / 10 ** (30 / 20)


def test_a_sum_begins_with_c_alone(visit: Open) -> None:
    page = visit()
    open_arithmetic(page)
    name, path = save(page, Format="png", Pixels="128", Frames="5")
    assert name == "sum.png"
    weights = [[weight for weight, _ in parse(text).z.terms] for text in texts(path)]  # pyright: ignore[reportAttributeAccessIssue]  (a Sum's)
    assert weights == [[part, -part, 1] for part in (0, 0.25, 0.5, 0.75, 1)]
    assert texts(path)[-1] == painted(page)
    with Image.open(path) as strip:
        assert strip.size == (5 * 128, 128)


def test_an_edit_comes_and_goes(visit: Open) -> None:
    page = visit()
    page.get_by_role("tab", name="Forget").click()
    expect(page.get_by_role("switch")).to_be_enabled(timeout=60_000)
    name, path = save(page, Format="png", Frames="3")
    assert name == "edit.png"
    first, half, last = map(parse, texts(path))
    assert str(first) == painted(page), "which is as it was"
    [gain] = last.gains
    assert (gain.gain, len(gain.maps)) == (0, 67)
    assert half.gains == (Gain(gain.layer, 0.5, gain.maps),)


def test_what_is_too_large_is_said_and_choices_are_kept(visit: Open) -> None:
    page = walk_over_three(visit)
    page.get_by_role("button", name="Save as a film").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Format").select_option("gif")
    dialog.get_by_label("Pixels").select_option("1024")
    for seconds, words in (("20", "300 frames of 1024 x 1024 are 315 million"), ("21", "1 to 20")):
        dialog.get_by_label("Seconds").fill(seconds)
        dialog.get_by_role("button", name="Save").click()
        expect(page.locator(".dc-message")).to_contain_text(words)
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="Save as a film").click()
        expect(dialog.get_by_label("Format")).to_have_value("gif")
        expect(dialog.get_by_label("Pixels")).to_have_value("1024")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_the_dialog_fits_and_can_be_used_by_all(visit: Open, viewport: ViewportSize) -> None:
    page = visit(viewport=viewport, has_touch=viewport == PHONE)
    open_walk(page)
    page.get_by_role("button", name="Save as a film").click()
    found = Axe().run(page, ".dc-film")
    assert found.violations_count == 0, found.generate_report()
    box = page.get_by_role("dialog").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Save as a film")).to_be_focused()


def test_the_shelf_is_saved_with_all_that_draws_it(visit: Open) -> None:
    page = visit()
    expect(page.get_by_role("button", name="Save all")).to_be_hidden()
    for number in (1, 3):
        page.get_by_role("button", name=f"Picture {number} of 64").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save all").click()
    assert saved.value.suggested_filename == "shelf.zip"
    with zipfile.ZipFile(saved.value.path()) as packed:
        assert packed.namelist() == ["01.png", "02.png", "shelf.json", "redraw.py"]
        specs = [listed["spec"] for listed in json.loads(packed.read("shelf.json"))["pictures"]]
        assert [images.read_spec(packed.read(name)) for name in ("01.png", "02.png")] == specs
        assert specs[1].endswith(":z(1,2)")
