"""docs/RESULTS.ko.md is docs/RESULTS.md in Korean."""

from __future__ import annotations

import re
from collections import Counter
from itertools import zip_longest
from pathlib import Path

import pytest
from typer.testing import CliRunner

from training.cli.app import app
from training.cli.experiments import EXPERIMENTS
from training.reports.korean import KoreanError, korean, table, template
from training.reports.results_page import results_page

ROOT = Path(__file__).parents[3]
NUMBER = re.compile(r"\d+(?:[.,x-]\d+)*")
MILLIONS = re.compile(r"(\d+(?:\.\d+)?) million")
HANGUL = re.compile("[가-힣]")
ENGLISH = results_page(EXPERIMENTS)
KOREAN = korean(ENGLISH)
BLOCKS = list(zip_longest(ENGLISH.split("\n\n"), KOREAN.split("\n\n"), fillvalue=""))


class Recording(dict[str, str]):
    """A table that knows what was looked up in it."""

    def __init__(self, entries: dict[str, str]) -> None:
        super().__init__(entries)
        self.used: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.used.add(key)
        return super().get(key, default)


def test_the_page_of_results_in_korean_is_up_to_date() -> None:
    written = (ROOT / "docs" / "RESULTS.ko.md").read_text(encoding="utf-8")
    assert written == KOREAN, "run: python -m training results"


def test_the_command_writes_both(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["results", "--out", str(tmp_path / "R.md")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "R.md").read_text(encoding="utf-8") == ENGLISH
    assert (tmp_path / "R.ko.md").read_text(encoding="utf-8") == KOREAN


def test_the_command_says_what_has_no_korean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {key: value for key, value in table().items() if key != "The paper gives no number."}
    monkeypatch.setattr("training.reports.korean.table", lambda: known)
    done = CliRunner().invoke(app, ["results", "--out", str(tmp_path / "R.md")])
    assert done.exit_code == 1
    assert done.stderr.splitlines()[1:] == ['"The paper gives no number."']


def test_every_sentence_without_korean_is_quoted_once() -> None:
    with pytest.raises(KoreanError) as error:
        korean(
            "## New, and 3 more\n\nIt is new. It is 5% of 7.\nIt is new.\n\n|a|1% of it|\n|:-|-:|\n"
        )
    assert str(error.value).splitlines()[1:] == [
        '"New, and {1} more"', '"It is new."', '"It is {1} of {2}."', '"{1} of it"',
    ]  # fmt: skip


def test_every_entry_is_used() -> None:
    recording = Recording(table())
    korean(ENGLISH, recording)
    assert table().keys() - recording.used == set()


def test_an_entry_keeps_its_places() -> None:
    for english, said in table().items():
        assert sorted(re.findall(r"\{\d+\}", english)) == sorted(re.findall(r"\{\d+\}", said))


@pytest.mark.parametrize(
    ("english", "places"),
    [
        ("7.07% (6.6% to 7.6%)", "{1} ({2} to {3})"),
        ("-0.25 to +1, 1e-5, 1.8e-09, 32x32", "{1} to {2}, {3}, {4}, {5}"),
        ("L2-SVM on CIFAR-10, bf16, 1-layer", "L2-SVM on CIFAR-10, bf16, {1}-layer"),
        ("(section 6.3.1, figure 6).", "(section {1}, figure {2})."),
        ("weights 7cf7ecbb, 1,000 images seen", "weights {1}, {2} images seen"),
        ("as `dedup --alike 2` says", "as {1} says"),
        ("2026-11-28, 7.3 minutes on 2 of 2 cores, AMD EPYC, torch 2.13.0+cpu",
         "{1}, {2} minutes on {3} of {4} cores, {5}, torch {6}"),
        ("2026-11-28, 7 minutes on NVIDIA H200, torch 2.13.0, on 200 test pictures",
         "{1}, {2} minutes on {3}, torch {4}, on {5} test pictures"),
    ],
)  # fmt: skip
def test_what_differs_from_run_to_run_is_a_place(english: str, places: str) -> None:
    assert template(english) == places


def test_other_numbers_and_machines_need_no_other_korean() -> None:
    changed = ENGLISH.replace("AMD EPYC", "Ryzen 9, 16 cores")
    changed = re.sub(r"(?<=\| )\d\d\.\d%", "99.9%", changed)
    assert korean(changed).count("Ryzen 9, 16 cores") == changed.count("Ryzen 9, 16 cores") > 0
    assert korean("It saw 1.3 million.", {"It saw {1}.": "{1} 장."}) == "130만 장.\n"


def test_every_number_of_a_block_is_in_its_korean() -> None:
    for english, said in BLOCKS:
        numbers = Counter(NUMBER.findall(MILLIONS.sub("", english)))
        numbers += Counter(f"{float(n) * 100:,.0f}" for n in MILLIONS.findall(english))
        assert numbers - Counter(NUMBER.findall(said)) == Counter(), english


def test_every_number_of_a_row_is_in_its_korean() -> None:
    for english, said in BLOCKS:
        if english.startswith("|"):
            for row, row_said in zip(english.splitlines(), said.splitlines(), strict=True):
                assert row.count("|") == row_said.count("|")
                for cell, cell_said in zip(row.split("|"), row_said.split("|"), strict=True):
                    assert Counter(NUMBER.findall(cell)) == Counter(NUMBER.findall(cell_said))


def test_headings_code_and_what_is_folded_are_the_same() -> None:
    for pattern in (r'^#+ (?:<a name="\w+"></a>)?', r"^    .*", r"^</?details>$", r"^\|:-+", "^- "):
        found = re.findall(pattern, ENGLISH, re.MULTILINE)
        assert len(found) > 1
        if pattern == r"^\|:-+":  # which are as wide as the words
            assert len(re.findall(pattern, KOREAN, re.MULTILINE)) == len(found)
        else:
            assert re.findall(pattern, KOREAN, re.MULTILINE) == found
    codes = re.findall(r"`[^`]+`", ENGLISH)
    assert sorted(re.findall(r"`[^`]+`", KOREAN)) == sorted(codes)


def test_every_sentence_has_hangul_and_no_strikethrough() -> None:
    prose = [said for _, said in BLOCKS if not said.startswith(("|", "    ", "</details>"))]
    lines = [line for said in prose for line in said.splitlines() if line != "<details>"]
    assert len(lines) > 180
    names = re.compile(r"- DCGAN \+ L2-SVM: ")
    for line in lines:
        for sentence in re.split(r"(?<=[.?!]) ", names.sub("", line)):
            assert HANGUL.search(sentence), line
    assert "~" not in re.sub(r"^    .*", "", KOREAN, flags=re.MULTILINE)  # 1~2, 3~4: <s> on GitHub
    assert sum(bool(HANGUL.search(row)) for row in KOREAN.splitlines() if row[:1] == "|") > 120
