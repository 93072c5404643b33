"""Korean for all that the page's parts say: nothing is missing, nothing is for texts of before."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dcgan.paths import REPOSITORY, WEB

KOREAN: dict[str, str] = json.loads((WEB / "locales" / "ko.json").read_text(encoding="utf-8"))
ATTRIBUTES = ("aria-label", "title", "placeholder")
SAME = re.compile(r"z|Y|GIF|MP4|WebP|Ctrl (Shift )?Z|v1:.*|PNG|\W*")
"""What is written alike in both languages."""


TABS = re.findall(r'gr\.Tab\("[\w ]+", id="(\w+)"', (WEB.parent / "page.py").read_text())


class Texts(HTMLParser):
    """What of a part is seen or read out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._unsaid = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "style", "title") or "dc-report" in (given.get("class") or ""):
            self._unsaid += 1
        self.found |= {
            " ".join((given[name] or "").split()) for name in ATTRIBUTES if name in given
        }

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "title"):
            self._unsaid -= 1

    def handle_data(self, data: str) -> None:
        if not self._unsaid:
            self.found.add(" ".join(data.split()))


def texts(path: Path) -> set[str]:
    parser = Texts()
    parser.feed(path.read_text(encoding="utf-8"))
    return {text for text in parser.found if re.search("[A-Za-z]{2}", text)}


@pytest.mark.parametrize("path", sorted(WEB.glob("*/*.html")), ids=lambda path: path.stem)
def test_a_part_has_its_korean(path: Path) -> None:
    missing = {t for t in texts(path) if t not in KOREAN and not SAME.fullmatch(t)}
    assert not missing


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_says_in_two_sentences_how_to_read_it(tab: str) -> None:
    part = (WEB / "tabs" / f"{tab}.html").read_text(encoding="utf-8")
    (how,) = re.findall(r"<summary>How to read this</summary><p>(.+?)</p></details>", part)
    assert len(re.findall(r"[.:] [A-Z]|\.$", how)) == 2
    (figure,) = re.findall(
        rf'^  {tab}: "(.+)",$', (WEB / "widgets" / "header.js").read_text(), re.MULTILINE
    )
    assert "paper" in figure


def test_every_entry_is_still_said_somewhere() -> None:
    python = WEB.parents[1].rglob("*.py")
    sources = [*WEB.glob("*/*.js"), *WEB.glob("*/*.html"), *python]
    sources += REPOSITORY.glob("weights/*/*.json")
    said = {word for path in sources for word in words(path.read_text(encoding="utf-8"))}
    assert not {text for text in KOREAN if not words(re.sub(r"\{\d\}", "", text)) <= said}


def words(text: str) -> set[str]:
    return set(re.findall("[A-Za-z]+", text))


def test_an_entry_keeps_its_places_and_is_korean() -> None:
    for english, korean in KOREAN.items():
        places = re.findall(r"\{\d\}", english)
        assert places == sorted(places)
        assert sorted(set(re.findall(r"\{\d\}", korean))) == places, english
        assert re.search("[가-힣]", korean) or not re.search("[A-Za-z]{2}", korean), english
