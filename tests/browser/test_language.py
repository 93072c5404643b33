"""The page in Korean: nothing that a visitor sees stays English, and the way back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Open, wait_painted
from tests.ui.test_locales import ENGLISH, KOREAN

SHOWN = r"""() => {
  const found = new Set();
  const walker = document.createTreeWalker(document.querySelector('.gradio-container'),
    NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const element = node.parentElement;
    const aside = 'script, style, .dc-report, .dc-contents, footer, select [lang]';
    if (!element.closest(aside) && element.checkVisibility()) found.add(node.data);
  }
  for (const name of ['aria-label', 'title']) {
    for (const element of document.querySelectorAll(`.dc-part [${name}], [role=tab][${name}]`)) {
      const seen = !element.closest('.dc-report') && element.checkVisibility();
      if (seen) found.add(element.getAttribute(name));
    }
  }
  return [...found];
}"""
SAME = {"DCGAN", "LeakyReLU", "KID", "IoU", "CIFAR", "GIF", "PNG", "WebP", "Ctrl", "Shift", "Enter"}
MODELS = {"imagenet", "faces", "rooms", "mnist"}
READY = {
    "sample": ".dc-sample .dc-sheet[data-ready]",
    "walk": ".dc-walk .dc-sheet[data-ready]",
    "map": ".dc-pad .dc-sheet[data-ready]",
    "arithmetic": ".dc-arithmetic .dc-sheet[data-ready]",
    "turn": ".dc-turn .dc-sheet[data-ready]",
    "photo": ".dc-photo",
    "discriminator": ".dc-discriminator .dc-pairs",
    "forget": ".dc-forget .dc-points",
    "results": ".dc-report h2",
}


def english(page: Page) -> set[str]:
    """What of the page has a word that is not Korean; the texts of pictures are in no language."""
    texts = [text for text in page.evaluate(SHOWN) if not text.startswith("v1:")]
    return {text for text in texts if letters(text) - SAME - MODELS}


def open_tab(page: Page, tab: str) -> None:
    """With all that can be unfolded, when it has drawn what it begins with."""
    page.locator(f"[role=tab][data-tab-id={tab}]").click()
    page.evaluate("document.querySelectorAll('.dc-part details').forEach((it) => (it.open = true))")
    page.wait_for_selector(READY[tab], timeout=60_000)  # imagenet32 has the largest D
    page.wait_for_timeout(500)


def outside(text: str) -> str:
    """What of a text is in no brackets."""
    depth, found = 0, ""
    for letter in text:
        depth += (letter == "⟦") - (letter == "⟧")
        found += letter if not depth else ""
    return found


def test_all_that_the_tabs_say_has_a_key(visit: Open) -> None:
    page = visit(locale="ko-KR")
    # a language of its own, in which each sentence that has a key stands in brackets
    table = {key: f"⟦{text}⟧" for key, text in ENGLISH.items()}
    page.route("**/locales/ko.json", lambda route: route.fulfill(json=table))
    page.reload()
    page.wait_for_selector("[data-painted]")
    page.locator("select[data-role=model]").select_option("rooms")
    for tab in READY:
        open_tab(page, tab)
        shown = [text for text in page.evaluate(SHOWN) if not text.startswith("v1:")]
        assert sum("⟦" in text for text in shown) > 20, tab
        keyless = {text for text in shown if letters(outside(text)) - SAME - MODELS - {"boxes"}}
        assert not keyless, tab


def letters(text: str) -> set[str]:
    return set(re.findall("[A-Za-z]{3,}", text))


def test_a_language_is_chosen_with_all_tabs_open(visit: Open) -> None:
    page = visit(locale="ko-KR")
    page.locator("select[data-role=model]").select_option("rooms")
    for tab in READY:
        open_tab(page, tab)
    page.locator("[data-role=language]").select_option("en")
    for tab in READY:
        open_tab(page, tab)
        korean = {text for text in page.evaluate(SHOWN) if re.search("[가-힣]", text)}
        assert not korean, tab
    expect(page.locator(".dc-report h2").first).to_contain_text("What")
    page.locator("[data-role=language]").select_option("ko")
    for tab in READY:
        open_tab(page, tab)
        assert not english(page), tab
    expect(page.locator(".dc-report h2").first).to_contain_text("까요?")


@pytest.mark.parametrize("model", ["rooms", pytest.param("imagenet32", marks=pytest.mark.long)])
def test_all_that_the_tabs_say_is_korean(visit: Open, model: str) -> None:
    page = visit(locale="ko-KR")
    page.locator("select[data-role=model]").select_option(model)
    for tab in READY:
        open_tab(page, tab)
        assert not english(page), tab


def test_it_is_said_in_korean_what_happens(visit: Open) -> None:
    page = visit(locale="ko-KR", viewport=PHONE)
    page.get_by_label(KOREAN["common.seed"], exact=True).fill("abc")
    page.keyboard.press("Enter")
    expect(page.locator(".dc-message")).to_have_text(
        '시드는 0부터 9007199254740991까지의 정수입니다. "abc"은(는) 아닙니다.'
    )
    text = page.get_by_label(KOREAN["share.textHint"])
    text.fill("v1:faces@00000000:z(1,0)")  # what the server says of it
    page.keyboard.press("Enter")
    expect(page.locator(".dc-message")).to_contain_text("다른 가중치(00000000)로 만들어서")
    page.get_by_role("button", name="그림 5 / 64").click()
    wait_painted(page, ":z(1,4)")
    expect(page.locator(".dc-facts")).to_contain_text("학습한 이미지")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate("document.documentElement.lang") == "ko"


def test_the_language_is_chosen_kept_and_taken_back(visit: Open) -> None:
    page = visit()
    page.get_by_label("Language").select_option("ko")
    expect(page.get_by_role("tab", name="표본", exact=True)).to_be_visible()
    page.reload()
    page.wait_for_selector("[data-painted]")
    expect(page.get_by_role("button", name=KOREAN["sample.newPictures"])).to_be_visible()
    page.get_by_label(KOREAN["header.language"]).select_option("en")
    expect(page.get_by_role("button", name="New pictures")).to_be_visible()
    expect(page.get_by_role("tab", name="Sample", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.get_by_role("button", name="Picture 5 of 64").click()  # and goes on in English
    expect(page.get_by_role("button", name="Show picture 1 of the shelf")).to_be_visible()


def test_a_set_is_chosen_by_its_korean_name(visit: Open) -> None:
    page = visit(locale="ko-KR")
    page.get_by_role("tab", name=KOREAN["tab.arithmetic"]).click()
    page.get_by_role("button", name="A, 1번 그림: 다른 것 고르기").click()
    page.get_by_label(KOREAN["picker.set"]).select_option("안경 쓴 남자")
    expect(page.locator("[data-term='0'] h2")).to_contain_text("안경 쓴 남자")
