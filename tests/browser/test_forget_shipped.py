"""The Forget tab with boxes that are shipped with a model: it opens there, with them fitted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from dcgan import checkpoint
from dcgan.boxes import Boxed, BoxSet
from dcgan.engine import Engine, discover
from tests import tiny
from tests.browser.conftest import ROOT, Open, serve, wait_painted
from tests.browser.test_forget import maps_dropped, open_forget, status


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with two models, the second one with a set of boxes."""
    weights = tmp_path_factory.mktemp("weights")
    tiny.save(weights / "blank")
    (weights / "faces").mkdir()
    for name in (checkpoint.CONFIG, checkpoint.WEIGHTS):
        shutil.copy(ROOT / "weights" / "faces" / name, weights / "faces")
    faces = Engine(discover(weights)).model("faces")
    eyes = tuple(Boxed(faces.sample(1, i), ((13.0, 22.0, 51.0, 35.0),)) for i in range(6))
    (weights / "faces" / "boxes-eyes.json").write_text(BoxSet("eyes", 3, eyes).to_json())

    with serve(Engine(discover(weights))) as address:
        yield address


def test_the_tab_opens_where_boxes_are_and_fits_them(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="Picture 4 of 36").click()  # a picture worth keeping
    wait_painted(page, ":z(1,3)")
    open_forget(page)
    expect(page.locator(".dc-shelf li")).to_have_count(1)
    expect(page.get_by_role("combobox", name="Model")).to_have_value("faces")
    expect(status(page)).to_contain_text("positive weight", timeout=60_000)
    expect(page.get_by_role("combobox", name="Set", exact=True)).to_have_value("eyes")
    assert maps_dropped(page) > 10
    page.get_by_label("Edited", exact=True).check()  # the toggle works at first sight
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes(':z(1,0):gain(3,0,')"
    )
    page.get_by_role("combobox", name="Model").select_option("blank")
    expect(status(page)).to_contain_text("Press and drag over a picture")
    page.get_by_role("combobox", name="Model").select_option("faces")
    expect(status(page)).to_contain_text("6 boxes in 6 pictures")
