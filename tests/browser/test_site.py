"""The static site, in Chromium: from a sub-folder of a plain web server, and without it."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from dcgan.latents.spec import parse
from dcgan.media import images
from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.site import ort_web, static_site
from tests import tiny
from tests.browser.conftest import DESKTOP, PHONE, ROOT, painted, wait_painted

pytestmark = pytest.mark.skipif(
    ort_web.installed_facts() is None, reason="onnxruntime-web is brought by `make setup`, with npm"
)

NAMES = ("faces", "rooms", "mnist")
PATH = "/some/where/"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a web server serves: a site in a sub-folder."""
    folder = tmp_path_factory.mktemp("served")
    engine = Engine(
        static_site.choose_models(discover_checkpoints(ROOT / "weights"), NAMES, stages=False)
    )
    for _ in static_site.write_site(engine, folder / PATH.strip("/")):
        pass
    return folder


@contextmanager
def serve(folder: Path, port: int = 0) -> Iterator[str]:
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{PATH}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serve(folder) as address:
        yield address


class Visitor:
    """Somebody with a browser of their own, who notes every complaint of it."""

    def __init__(
        self, browser: Browser, scheme: Literal["light", "dark"] = "light", **options: Any
    ) -> None:
        self.complaints: list[str] = []
        self.context = browser.new_context(
            color_scheme=scheme, reduced_motion="reduce", **{"viewport": DESKTOP, **options}
        )
        self.context.set_default_timeout(30_000)

    def open(self, address: str, query: str = "") -> Page:
        def check(url: str) -> None:
            if not url.startswith((address, "blob:", "data:")):
                self.complaints.append(f"asked {url}")

        def listen(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.complaints.append(message.text)

        page = self.context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: check(request.url))
        page.goto(address + query)
        page.wait_for_selector("[data-painted]")
        return page


@pytest.fixture
def visitor(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    visitor = Visitor(browser, **getattr(request, "param", {}))
    yield visitor
    visitor.context.close()
    assert not visitor.complaints


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    page.wait_for_selector(f".dc-{name.lower()} .dc-sheet[data-ready]")


def offline(page: Page) -> None:
    """Until the browser has kept the page, and what was drawn with."""
    page.wait_for_selector("html[data-kept]", state="attached")


def test_a_picture_is_drawn_dragged_and_saved(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    assert painted(page).endswith(":z(1,0)")
    page.wait_for_selector(".dc-sample .dc-sheet[data-ready]")
    page.get_by_label("Direction 1", exact=True).fill("1.5")
    wait_painted(page, ":move(pc1,1.5,z(1,0))")
    text = painted(page)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save PNG").click()
    content = saved.value.path().read_bytes()
    assert images.read_spec(content) == text

    engine = Engine({"faces": ROOT / "weights" / "faces"})
    [expected] = engine.render([parse(text)])
    drawn = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.abs(drawn.astype(int) - expected).max() <= 1, "as the server draws it"

    page.get_by_role("combobox", name="Model").select_option("mnist")
    wait_painted(page, ":z(1,0):class(0)")
    page.get_by_role("button", name="Class 7").click()
    wait_painted(page, ":z(1,0):class(7)")
    page.get_by_role("button", name="Put on the shelf").click()
    for tab in ("Walk", "Arithmetic", "Turn", "Forget"):
        page.get_by_role("tab", name=tab).click()
        for name in ("Load boxes", "Save as a film", "Save all"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_label("Render on")).to_be_hidden()


def test_a_link_opens_its_picture_and_tabs_have_addresses(visitor: Visitor, address: str) -> None:
    described = Engine({"faces": ROOT / "weights" / "faces"}).model("faces")
    link = str(described.sample(4, 2))
    page = visitor.open(address, f"?spec={link}#turn")
    assert painted(page) == link
    expect(page.get_by_role("tab", name="Turn")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel")).to_have_count(1)
    page.get_by_role("tab", name="Turn").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Arithmetic")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Arithmetic")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("tabpanel", name="Forget")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Sample")).to_be_visible()
    assert page.url.endswith("#sample")


def test_a_walk_a_sum_and_a_turn(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    open_tab(page, "Turn")
    page.get_by_role("slider", name="Turn").fill("0.5")
    wait_painted(page, ",z(1,0))")
    assert ":turn(0.5,mean(" in painted(page)
    open_tab(page, "Arithmetic")
    wait_painted(page, "))")
    assert re.search(r":sum\(1,mean\(.*\),-1,mean\(.*\),1,mean\(.*\)\)$", painted(page))
    open_tab(page, "Walk")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "Number(document.querySelector('[data-role=place]').value) > 0.2 && "
        "document.querySelector('[data-painted]').dataset.painted.includes(':slerp(0.2')"
    )
    page.get_by_role("button", name="Pause").click()


def test_the_bank_of_sliders(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    page.wait_for_selector(".dc-sample .dc-sheet[data-ready]")
    page.get_by_label("Smile", exact=True).fill("2")
    wait_painted(page, ":move(smile,2,z(1,0))")
    expect(page.locator("[data-role=effect]")).to_contain_text("a classifier that had no part in")
    page.get_by_text("Keep and share these sliders").click()
    field = page.get_by_label("or paste a text, press Enter")
    model = painted(page).split(":")[1]
    field.fill(f'{{"model": "{model}", "from": ["z(5,0)"], "to": ["z(6,0)"]}}')
    field.press("Enter")
    page.get_by_label("Own 1", exact=True).fill("0.5")
    wait_painted(page, ":turn(0.5,z(5,0),z(6,0),move(smile,2,z(1,0)))")


def test_rooms_forget_their_windows(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    page.get_by_role("tab", name="Forget").click()
    status = page.locator(".dc-forget [data-role=status]")
    expect(status).to_contain_text("67 of 128 maps have a positive weight")
    page.get_by_role("switch", name="Windows").uncheck()
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes(':gain(3,0,')"
    )
    page.locator(".dc-forget .dc-browse summary").click()
    page.wait_for_selector(".dc-rows .dc-sheet[data-ready]")
    page.get_by_role("combobox", name="Layer", exact=True).select_option("2")
    page.get_by_role("button", name="Find the maps").click()  # these are ready, too
    expect(status).to_contain_text("118 of 256 maps")
    page.get_by_role("button", name="Sample 1 of 12", exact=True).press(
        "Enter"
    )  # a box of one's own
    page.get_by_role("button", name="Find the maps").click()
    expect(page.locator(".dc-message")).to_contain_text("takes the page with its server")


@pytest.mark.long
@pytest.mark.parametrize(
    "visitor", [{"scheme": "dark", "viewport": PHONE, "has_touch": True}], indirect=True
)
def test_it_can_be_used_by_everybody(visitor: Visitor, address: str) -> None:
    page = visitor.open(address)
    for name in ("Sample", "Walk", "Map", "Arithmetic", "Turn", "Forget"):
        open_tab(page, name)
        width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] == width[1], name
    found = Axe().run(page).response["violations"]
    assert not [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")]


def test_it_opens_without_its_server(visitor: Visitor, folder: Path) -> None:
    with serve(folder) as address:
        page = visitor.open(address)
        page.get_by_role("combobox", name="Model").select_option("rooms")
        page.wait_for_selector("[data-painted*=':rooms@']")
        page.get_by_role("button", name="Put on the shelf").click()
        offline(page)
    page.reload()
    page.wait_for_selector("[data-painted*=':rooms@']")  # goes on where the visit ended
    expect(page.locator(".dc-shelf img")).to_have_js_property("naturalWidth", 64)
    page.get_by_role("combobox", name="Model").select_option("faces")
    page.wait_for_selector("[data-painted*=':faces@']")
    open_tab(page, "Arithmetic")
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes('sum(')"
    )
    assert not visitor.complaints
    page.get_by_role("combobox", name="Model").select_option("mnist")  # which was never fetched
    expect(page.locator(".dc-message.dc-error")).to_contain_text("there is no connection")
    visitor.complaints.clear()  # Chromium reports a file that can't be had by itself


def test_a_new_site_takes_the_place_of_the_old(visitor: Visitor, tmp_path: Path) -> None:
    weights, served = tmp_path / "weights", tmp_path / "served"

    def write(*names: str) -> None:
        for seed, name in enumerate(names):
            tiny.save(weights / name, seed=seed)
        for _ in static_site.write_site(
            Engine(discover_checkpoints(weights)), served / PATH.strip("/")
        ):
            pass

    write("first")
    with serve(served) as address:
        page = visitor.open(address)
        offline(page)
        before = page.evaluate("caches.keys()")
        write("first", "second")
        page.reload()  # from what was kept; the new one is fetched meanwhile
        page.evaluate(
            """async (before) => {
              for (;;) {
                const { active } = await navigator.serviceWorker.getRegistration();
                const names = await caches.keys();
                const replaced = !before.every((name) => names.includes(name));
                if (replaced && names.length === 2 && active.state === "activated") return;
                await new Promise(requestAnimationFrame);
              }
            }""",
            before,
        )
    page.reload()
    page.wait_for_selector("[data-painted*=':first@']")
    expect(page.get_by_role("combobox", name="Model").locator("option")).to_have_count(2)
