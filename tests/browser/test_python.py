"""Copy Python: what is on the stage, drawn by the lines that the page gives for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from dcgan.media import images
from tests.browser.conftest import ROOT, Open, painted, wait_painted
from tests.browser.test_sample import PIXELS, drag

CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clean checkout, as far as pictures go."""
    for name in ("dcgan", "weights"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def copied(page: Page) -> str:
    page.get_by_role("button", name="Copy Python").click()
    expect(page.locator(".dc-message")).to_have_text("Python copied.")
    return page.evaluate("navigator.clipboard.readText()")


def run(code: str, clone: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=clone,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def on_stage(page: Page) -> np.ndarray:
    pixels = np.array(page.evaluate(PIXELS), np.int64)
    side = int((len(pixels) // 4) ** 0.5)
    return pixels.reshape(side, side, 4)[..., :3]


def test_the_copied_lines_draw_what_is_on_the_stage(visit: Open, clone: Path) -> None:
    page = visit(permissions=CLIPBOARD)
    drag(page, "Direction 4", -2)
    wait_painted(page, ":move(pc4,-2,z(1,0))")
    whole = painted(page)
    field = page.get_by_label("A picture is its text")
    field.fill(f"{whole}:gain(3,0,1.5.7-9)")
    field.press("Enter")
    wait_painted(page, ":gain(3,0,1.5.7-9)")

    code = copied(page)
    assert len(code.splitlines()) == 9
    assert "walk" not in code
    run(code, clone)
    file = (clone / "picture.png").read_bytes()
    assert images.read_spec(file) == f"{whole}:gain(3,0,1.5.7-9)"
    assert np.abs(np.asarray(Image.open(clone / "picture.png")) - on_stage(page)).max() <= 1
    assert not (clone / "walk.webp").exists()


def test_pictures_of_the_same_weights_on_the_shelf_become_a_walk(visit: Open, clone: Path) -> None:
    page = visit(permissions=CLIPBOARD)
    model = page.get_by_label("Model")
    keep = page.get_by_role("button", name="Put on the shelf")
    shelf = page.locator(".dc-shelf li")
    model.select_option("rooms")
    wait_painted(page, ":z(1,0)")
    keep.click()
    model.select_option("mnist")
    wait_painted(page, ":z(1,0):class(0)")
    keep.click()
    expect(shelf).to_have_count(2)
    assert "walk" not in copied(page)  # one of each is none
    page.get_by_role("button", name="Picture 14 of 80").click()  # which puts it there, too
    wait_painted(page, ":z(1,1):class(3)")
    expect(shelf).to_have_count(3)

    code = copied(page)
    run(code, clone)
    assert np.abs(np.asarray(Image.open(clone / "picture.png")) - on_stage(page)).max() <= 1
    with Image.open(clone / "walk.webp") as film:
        assert (getattr(film, "n_frames", 1), film.size) == (60, (112, 112))
    assert code.count(":class(0)") == 1
    assert code.count(":class(3)") == 2
    assert "v1:rooms" not in code


def test_a_stage_along_the_training_run_is_drawn_by_its_own_weights(
    visit: Open, clone: Path
) -> None:
    page = visit(permissions=CLIPBOARD)
    [stage] = page.evaluate(
        "fetch('dcgan/models').then(r => r.json())"
        ".then(all => all.find(m => m.name === 'faces').stages.slice(0, 1))"
    )
    field = page.get_by_label("A picture is its text")
    field.fill(f"v1:{stage['name']}@{stage['weights']}:z(1,0)")
    field.press("Enter")
    wait_painted(page, f"@{stage['weights']}:z(1,0)")
    run(copied(page), clone)
    assert np.abs(np.asarray(Image.open(clone / "picture.png")) - on_stage(page)).max() <= 1


def test_a_text_never_becomes_code(visit: Open, clone: Path) -> None:
    """A link may have any text; what can't be drawn is a string in the copied lines, too."""
    page = visit(permissions=CLIPBOARD)
    weights = painted(page).split("@")[1][:8]
    page.evaluate(
        """async text => {
          const {page} = await import(new URL("dcgan/web/core/page.js", document.baseURI));
          page.open(text, "text");
        }""",
        f'v1:faces@{weights}:z(1,0)")\nopen("made", "w").close()\nprint("\\',
    )
    expect(page.locator(".dc-message")).to_contain_text("at character")
    code = copied(page)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, check=False
    )
    assert "dcgan.latents.spec_fields.SpecError: at character" in done.stderr
    assert not (clone / "made").exists()
