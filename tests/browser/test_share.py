"""A picture is its text: links, pasting, frames of other sites, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Route, expect

from dcgan.latents.spec import Draw
from dcgan.rendering.engine import Engine
from tests.browser.conftest import Open, painted, wait_painted
from tests.browser.test_sample import PIXELS

REFUSING = """
  Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no'); }});
  Object.defineProperty(navigator, 'clipboard', {value: {
    writeText: () => Promise.reject(new DOMException('no')),
  }});
"""


def test_a_link_opens_the_very_same_picture_elsewhere(visit: Open) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Picture 5 of 64").click()
    page.get_by_label("Direction 4", exact=True).fill("-2")
    wait_painted(page, ":move(pc4,-2,z(1,4))")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".dc-message")).to_have_text("Link copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    other = visit("?" + link.partition("?")[2])
    assert painted(other) == painted(page)
    assert other.evaluate(PIXELS) == page.evaluate(PIXELS)
    assert other.get_by_label("Direction 4", exact=True).input_value() == "-2"

    pasted = visit()
    pasted.get_by_label("A picture is its text").fill(link)
    pasted.keyboard.press("Enter")
    wait_painted(pasted, ":move(pc4,-2,z(1,4))")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rubbish", "This is not the text of a picture"),
        ("https://example.org/", "no picture in it"),
        ("v1:cats@01234567:z(1,0)", "no model called cats"),
        ("v1:faces@01234567:z(1,0)", "made with other weights"),
        ("v1:faces@01234567:z(nan,0)", "not the text of a picture"),
    ],
)
def test_what_is_pasted_wrongly_gets_a_sentence(visit: Open, text: str, said: str) -> None:
    page = visit()
    field = page.get_by_label("A picture is its text")
    field.fill(text)
    field.press("Enter")
    expect(page.locator(".dc-message")).to_contain_text(said)
    page.get_by_role("button", name="Picture 2 of 64").click()
    wait_painted(page, ":z(1,1)")  # the page lives


@pytest.fixture
def other_site(url: str) -> Iterator[str]:
    """A page of another origin with ours in a frame, as on the Hub."""

    class Frame(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            html = f"<iframe src='{url}' width='1200' height='1000'></iframe>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Frame)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"  # not 127.0.0.1: another origin
    server.shutdown()
    server.server_close()


def test_in_a_frame_that_refuses_storage_and_clipboard(
    browser: Browser, other_site: str, url: str
) -> None:
    context = browser.new_context()
    context.add_init_script(REFUSING)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(other_site)
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Picture 3 of 64").click()
    expect(frame.locator(".dc-shelf li")).to_have_count(1)
    frame.get_by_role("button", name="Copy link").click()
    expect(frame.locator(".dc-message")).to_contain_text("Here it is: " + url)
    assert not errors
    context.close()


def test_the_api_draws_the_same_picture(url: str, engine: Engine) -> None:
    text = str(engine.model("faces").spec(Draw(7, 3)))
    client = Client(url, verbose=False)
    answer = client.predict(f" {text} ", api_name="/render")
    assert answer["spec"] == text
    assert answer["png"].startswith("data:image/png;base64,")
    assert 4.5 < answer["norm"] < 7
    with pytest.raises(Exception, match="expected"):
        client.predict("v1:faces", api_name="/render")


def test_a_link_with_a_bad_text_still_opens_the_page(visit: Open) -> None:
    page = visit("?spec=" + quote("<script>alert(1)</script>"))
    expect(page.locator(".dc-message")).to_contain_text("not the text of a picture")
    wait_painted(page, ":z(1,0)")


def test_what_is_wrong_with_a_link_is_said_by_a_stage_that_comes_late(
    browser: Browser, url: str
) -> None:
    """Its module may arrive after another part's, which has opened the link by then."""
    context = browser.new_context()
    page = context.new_page()

    def late(route: Route) -> None:
        page.wait_for_event("response", lambda answer: answer.url.endswith("/dcgan/models"))
        page.wait_for_timeout(300)
        route.continue_()

    page.route("**/stage.js*", late)
    page.goto(url + "?spec=rubbish")
    expect(page.locator(".dc-message")).to_contain_text("not the text of a picture")
    context.close()
