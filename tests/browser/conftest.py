"""A real server over the shipped weights, and a real Chromium."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from benchmarks import chromium
from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.ui.page import build, launch_options

ROOT = Path(__file__).parents[2]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
SCHEMES = ["light", pytest.param("dark", marks=pytest.mark.long)]


@contextmanager
def serve(engine: Engine) -> Iterator[str]:
    """The page over an engine; gives its address."""
    with socket.socket() as probe:  # any but 7860, which the rehearsal of the Space needs
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    demo = build(engine)
    _, address, _ = demo.launch(
        server_name="127.0.0.1",
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        **launch_options(engine),
    )
    yield address
    demo.close()


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(discover_checkpoints(ROOT / "weights"))


@pytest.fixture(scope="session")
def url(engine: Engine) -> Iterator[str]:
    with serve(engine) as address:
        yield address


def faces_alone() -> Engine:
    """A model that comes without boxes, so that the Forget tab stays with it."""
    found = discover_checkpoints(ROOT / "weights")
    return Engine({name: at for name, at in found.items() if name.split("/")[0] == "faces"})


@pytest.fixture(scope="session")
def blank_url() -> Iterator[str]:
    with serve(faces_alone()) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium.EXECUTABLE, args=chromium.FLAGS
        )
        yield launched
        launched.close()


Open = Callable[..., Page]


@pytest.fixture(scope="session")
def idle(browser: Browser) -> dict[str, list[BrowserContext]]:
    """Contexts of earlier tests, by their options: what Chromium has compiled is kept in them."""
    return defaultdict(list)


@pytest.fixture
def visit(browser: Browser, idle: dict[str, list[BrowserContext]], url: str) -> Iterator[Open]:
    """Open the page as a new visitor; fails the test for errors and requests to the outside.

    drawing: who draws, as in web/engine.js; by default the server, which is quicker to begin.
    first: has never been on any page, so that nothing comes from a cache.
    """
    busy: list[tuple[str, BrowserContext]] = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # a refused request is reported as an error by Chromium itself; the page has said it too
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def open_page(
        query: str = "",
        scheme: Literal["light", "dark"] = "light",
        script: str = "",
        drawing: Literal["auto", "browser", "server"] = "server",
        first: bool = False,
        **options,
    ) -> Page:
        options = {
            "viewport": DESKTOP,
            "color_scheme": scheme,
            "reduced_motion": "reduce",
            **options,
        }
        kind = "" if first else repr(sorted(options.items()))
        context = idle[kind].pop() if idle[kind] else browser.new_context(**options)
        busy.append((kind, context))
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.add_init_script(f"localStorage.setItem('dcgan.drawing', '\"{drawing}\"'); {script}")
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(f"asked {request.url}")
                if not request.url.startswith((url, "blob:", "data:")) else None)  # fmt: skip
        page.goto(url + query)
        page.wait_for_selector("[data-painted]")
        page.wait_for_selector(".dc-sample .dc-sheet[data-ready]")
        return page

    yield open_page
    for kind, context in busy:
        if kind:
            clear(context, url)
            idle[kind].append(context)
        else:
            context.close()
    assert not complaints


def clear(context: BrowserContext, url: str) -> None:
    """All that a visitor has left."""
    for page in context.pages:
        page.close()
    context.set_offline(False)
    context.unroute_all()
    page = context.new_page()
    everything = {"origin": url.rstrip("/"), "storageTypes": "all"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", everything)
    page.close()


def painted(page: Page) -> str:
    """The text of the picture that stands on the canvas."""
    return page.locator("[data-painted]").get_attribute("data-painted") or ""


def wait_painted(page: Page, ending: str) -> None:
    """Until a picture whose text ends like this has been painted."""
    page.wait_for_function(
        "ending => document.querySelector('[data-painted]').dataset.painted.endsWith(ending)",
        arg=ending,
    )
