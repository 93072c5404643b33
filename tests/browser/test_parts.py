"""Parts of the page come to life one by one, in whatever order they are built."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.browser.conftest import Open

INERT = "document.querySelector('.dc-turn').closest('[inert]') !== null"
APPEARS = """async () => {
  const { appears } = await import(new URL("dcgan/web/core/dom.js", document.baseURI));
  const late = appears("#late", HTMLElement);
  const before = await Promise.race([late, new Promise((done) => setTimeout(done, 50, "none"))]);
  const element = document.createElement("p");
  element.id = "late";
  document.body.append(element);
  return [before, (await late) === element, (await appears("#late", HTMLElement)) === element];
}"""


def test_a_part_takes_no_input_before_it_listens(visit: Open) -> None:
    page = visit(first=True)  # nothing is cached
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/dcgan/web/tabs/turn.js", hold)
    page.get_by_role("tab", name="Turn").click()
    page.wait_for_function(INERT)
    assert page.locator(".dc-turn input[type=range]").first.is_visible()
    page.wait_for_timeout(200)
    held.pop().continue_()
    page.wait_for_function(f"!({INERT})")
    page.get_by_label("Turn", exact=True).fill("0.5")
    expect(page.locator("[data-painted*=':turn(0.5,']")).to_have_count(1)


def test_an_element_that_comes_later_is_waited_for(visit: Open) -> None:
    assert visit().evaluate(APPEARS) == ["none", True, True]
