"""English texts of the page's HTML, which refers to them by key (web/locales/en.json)."""

from __future__ import annotations

import html
import json
import re
from functools import cache

from dcgan.paths import WEB

_ELEMENT = re.compile(r'<[^<>]* data-i18n="([\w.]+)"[^<>]*>')
_ATTRIBUTE = re.compile(r' data-i18n-(aria-label|title|placeholder|alt)="([\w.]+)"')


@cache
def _sentences() -> dict[str, str]:
    return json.loads((WEB / "locales" / "en.json").read_text(encoding="utf-8"))


def english(key: str) -> str:
    """Return the text of a key such as "tab.sample". Raises KeyError for an unknown key."""
    return _sentences()[key]


def with_english(source: str) -> str:
    """Insert the English texts into HTML.

    data-i18n names the text of an element's content, data-i18n-title (and the like) that of an
    attribute. The keys stay in the HTML, so that the page can switch to another language. Raises
    KeyError for unknown keys.
    """

    def escape(key: str) -> str:
        return html.escape(english(key))

    source = _ATTRIBUTE.sub(lambda m: f'{m[0]} {m[1]}="{escape(m[2])}"', source)
    return _ELEMENT.sub(lambda m: m[0] + escape(m[1]), source)
