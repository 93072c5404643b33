"""Korean version of the results page, translated sentence by sentence with a table.

report.ko.json maps English templates of sentences, table cells and headings to Korean ones. {1},
{2} ... stand for values that differ between measurements; a translation may reorder them.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

TABLE = Path(__file__).with_name("report.ko.json")

PLACE = re.compile(
    r"""
      `[^`]+`                                # code
    | (?<=\*\*)\w+(?=\*\*)                   # a model, as a heading
    | (?<=network\ of\ )[\w-]+(?=,)          # and one without training
    | \bpc\d+\b                              # a main direction
    | (?<=weights\ )[0-9a-f]{8}\b            # which weights
    | (?<=cores,\ ).+?(?=,\ torch\ )         # a processor
    | (?<=minutes\ on\ )\D.*?(?=,\ torch\ )  # a GPU
    | (?<![\w.-])[+-]?\d+(?:[.,x-]\d+)*      # a number, a date, 32x32; not that of L2, CIFAR-10
      (?:e-?\d+)?(?:\+\w+)?%?(?:\ million)?(?!\w)
    """,
    re.VERBOSE,
)
SENTENCE = re.compile(r"""(?<=[.?!]) |(?<=[.?!][)"]) """)
HEADING = re.compile(r'(#+ (?:<a name="[^"]*"></a>)?)(.+)')
SUMMARY = re.compile(r"(<details>\n<summary>)(.+)(</summary>)")


class KoreanError(ValueError):
    """Sentences that have no translation; the message quotes them."""


@functools.cache
def table() -> dict[str, str]:
    """Return the translations: English template -> Korean template."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def korean(english: str, by: Mapping[str, str] | None = None) -> str:
    """Translate Markdown like that of `results_page`; the result has one sentence per line.

    by: translations to use instead of `table`. Raises KoreanError for sentences that are not in
    the table.
    """
    known = table() if by is None else by
    missing: dict[str, None] = {}

    def say(text: str) -> str:
        places = PLACE.findall(text)
        key = template(text)
        said = known.get(key) if re.search("[A-Za-z]{2}", re.sub(r"\{\d+\}", "", key)) else key
        if said is None:
            missing[key] = None
            return text
        return re.sub(r"\{(\d+)\}", lambda place: _place(places[int(place[1]) - 1]), said)

    written = "\n\n".join(_block(block, say) for block in english.strip("\n").split("\n\n"))
    if missing:
        quoted = "\n".join(json.dumps(key, ensure_ascii=False) for key in missing)
        raise KoreanError(
            f"training/reports/{TABLE.name} has no Korean for what follows: add it, and take out "
            f"what it replaces.\n{quoted}"
        )
    return written + "\n"


def template(text: str) -> str:
    """Replace the values in a sentence by {1}, {2} ..., as in the table's keys."""
    parts = PLACE.split(text)
    return parts[0] + "".join(f"{{{n}}}{part}" for n, part in enumerate(parts[1:], start=1))


def _place(text: str) -> str:
    """Format a value for Korean, which counts by ten thousands: "3 million" becomes "300만"."""
    number, million, _ = text.partition(" million")
    return f"{float(number) * 100:,.0f}만" if million else text


def _block(block: str, say: Callable[[str], str]) -> str:
    """Translate a Markdown block, the text between two empty lines."""
    if block.startswith("    ") or block == "</details>":
        return block
    if block.startswith("|"):
        return _table(block, say)
    if found := HEADING.fullmatch(block):
        return found[1] + " ".join(map(say, SENTENCE.split(found[2])))
    if found := SUMMARY.fullmatch(block):
        return found[1] + say(found[2]) + found[3]
    if block.startswith("*") and not block.startswith("**"):  # date, machine, data, weights
        return "*" + "; ".join(map(say, block.strip("*").split("; "))) + "*"
    if block.startswith("- "):
        items = block.removeprefix("- ").split("\n- ")
        return "\n".join(f"- {' '.join(_sentences(item, say))}" for item in items)
    return "\n".join(_sentences(block, say))


def _sentences(text: str, say: Callable[[str], str]) -> list[str]:
    return [say(sentence) for sentence in SENTENCE.split(" ".join(text.split()))]


def _table(block: str, say: Callable[[str], str]) -> str:
    """Translate a table and align its columns; Hangul characters are two columns wide."""
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
    right = [rule.endswith(":") for rule in rows.pop(1)]
    rows = [[say(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = [
        "|".join(
            f" {' ' * (width - _width(cell))}{cell} "
            if to_the_right
            else f" {cell}{' ' * (width - _width(cell))} "
            for cell, width, to_the_right in zip(row, widths, right, strict=True)
        )
        for row in rows
    ]
    rules = (
        f"{'-' * (width + 1)}:" if to_the_right else f":{'-' * (width + 1)}"
        for width, to_the_right in zip(widths, right, strict=True)
    )
    lines.insert(1, "|".join(rules))
    return "\n".join(f"|{line}|" for line in lines)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
