"""What the page says: each sentence has a key, each key both languages and a use."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dcgan.paths import PACKAGE, REPOSITORY, WEB
from dcgan.site.locales import english, with_english

LOCALES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (WEB / "locales").glob("*.json")
}
ENGLISH, KOREAN = LOCALES["en"], LOCALES["ko"]
ATTRIBUTES = ("aria-label", "title", "placeholder", "alt")
SAME = re.compile(r"z|Y|GIF|MP4|WebP|Ctrl (Shift )?Z|v1:.*|PNG|python -m .*|DCGAN|[\W\d]*")
"""What is written alike in both languages."""
FILES = (".json", ".zip", ".webp")
"""Of files that are named as keys are."""
MODULES = sorted(WEB.glob("*/*.js"))
PARTS = sorted(WEB.glob("*/*.html"))
TABS = re.findall(r'tab\("(\w+)"\)', (PACKAGE / "ui" / "page.py").read_text(encoding="utf-8"))
OF_MODELS = ("name.",)
"""Names that come with weights, recognised by their English."""
OF_LIBRARIES = ("server.", "spec.")
"""Sentences of modules that have no language, recognised by their English."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def places(sentence: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", sentence))


def test_each_key_has_both_languages_with_the_same_places() -> None:
    assert list(ENGLISH) == list(KOREAN)
    for key, text in ENGLISH.items():
        assert re.fullmatch(r"[a-z]+\.[a-z][A-Za-z0-9]*", key)
        assert set(places(KOREAN[key])) == set(places(text)), key


def test_korean_is_korean() -> None:
    without = {key for key, text in KOREAN.items() if not re.search("[가-힣]", text)}
    assert not {key for key in without if re.search("[a-z]{2}", bare(KOREAN[key]))}


def bare(sentence: str) -> str:
    return re.sub(r"\{\w+\}", "", sentence)


@cache
def keys_in_use() -> set[str]:
    found = set()
    for path in MODULES:
        found |= set(re.findall(r'"([a-z]+\.[a-z][A-Za-z0-9]*)"', text_of(path)))
        for prefix in re.findall(r"`([a-z]+\.)\$\{\w+\}`", text_of(path)):
            found |= {f"{prefix}{tab}" for tab in TABS}
    for path in PARTS:
        found |= set(re.findall(r'data-i18n[\w-]*="([\w.]+)"', text_of(path)))
    return found | {f"tab.{tab}" for tab in TABS} | {"header.title"}  # dcgan/ui/page.py


def test_each_key_is_used() -> None:
    recognised = {k for k in ENGLISH if k.startswith((*OF_MODELS, *OF_LIBRARIES))}
    assert not ENGLISH.keys() - keys_in_use() - recognised - said_by_pure_modules()


def said_by_pure_modules() -> set[str]:
    """Keys of sentences that modules without a language raise in English."""
    paths = [*(WEB / "core").glob("*.js"), WEB / "engine" / "worker.js"]
    sources = "\n".join(joined(text_of(path)) for path in paths)
    mine = {key: text for key, text in ENGLISH.items() if key.startswith(("page.", "engine."))}
    return {key for key, text in mine.items() if said_in(sources, text)}


def joined(source: str) -> str:
    """JavaScript whose strings that go on in the next line are one."""
    return re.sub(r"""["`] \+\s*["`]""", "", source)


def said_in(source: str, sentence: str) -> bool:
    escaped = [re.escape(piece) for piece in re.split(r"\{\w+\}", sentence)]
    return re.search(r"\$\{[^}]*\}".join(escaped), source) is not None


def test_each_key_that_is_named_exists() -> None:
    sections = {key.partition(".")[0] for key in ENGLISH}
    named = {key for key in keys_in_use() if key.partition(".")[0] in sections}
    assert not {key for key in named - ENGLISH.keys() if not key.endswith(FILES)}


def test_names_are_those_of_shipped_models() -> None:
    files = [*(REPOSITORY / "weights").glob("*/*.json")]
    shipped = "\n".join(text_of(path) for path in files)
    shipped += "".join(f'"{path.parent.name}"' for path in files)
    names = {name for key, name in ENGLISH.items() if key.startswith(OF_MODELS)}
    assert names
    assert not {name for name in names if f'"{name}"' not in shipped}


@cache
def python_sentences() -> frozenset[str]:
    """Texts in dcgan/, with {} for what differs, as SpecError and RequestError come to visitors."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else "{}" for p in node.values]
                found.add("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(map(plain, found))


def plain(sentence: str) -> str:
    """Without what differs between a sentence and the part of one that it is raised as."""
    return re.sub(r"'\{\}'|\{\}@\{\}", "{}", sentence.strip().removesuffix(".")).lower()


@pytest.mark.parametrize(
    "key", [key for key in ENGLISH if key.startswith(OF_LIBRARIES)], ids=lambda key: key
)
def test_a_sentence_that_is_recognised_is_still_raised(key: str) -> None:
    wanted = plain(re.sub(r"\{\w+\}", "{}", ENGLISH[key]))
    assert any(wanted in said for said in python_sentences()), ENGLISH[key]


class Texts(HTMLParser):
    """What of a part is seen or read out without a key."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "title"):
            self._silent += 1
        self.found |= {value or "" for name, value in attrs if name in ATTRIBUTES}

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "title"):
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.add(" ".join(data.split()))


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_html_has_keys_and_no_sentences(path: Path) -> None:
    parser = Texts()
    parser.feed(text_of(path))
    assert not {text for text in parser.found if not SAME.fullmatch(text)}


def test_english_is_filled_in_for_what_is_read_before_any_script() -> None:
    filled = with_english('<a data-i18n-title="tab.map" class="x" data-i18n="tab.walk"></a>')
    assert 'title="Map"' in filled
    assert filled.endswith(">Walk</a>")
    assert "&#x27;" in with_english('<p data-i18n="arithmetic.caption"></p>'), "z's, escaped"
    with pytest.raises(KeyError):
        english("tab.missing")


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_says_in_two_sentences_how_to_read_it(tab: str) -> None:
    how = english(f"{tab}.howToRead")
    assert f'data-i18n="{tab}.howToRead"' in text_of(WEB / "tabs" / f"{tab}.html")
    assert len(re.findall(r"[.:] [A-Z]|\.$", how)) == 2
    assert "paper" in english(f"figure.{tab}")
