"""sets.json: what comes back, what is refused, and that the page gets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dcgan.models import checkpoint
from dcgan.models.checkpoint import CheckpointError
from dcgan.models.exemplars import ExemplarError, ExemplarSets, parse_exemplars
from dcgan.rendering.engine import Engine
from dcgan.site.manifest import describe_models
from tests import tiny

GOOD: ExemplarSets = {
    "exemplars": {"left": ["z(1,4)", "z(1,9)"], "right": ["mean(z(1,2),z(1,3))"], "up": ["z(2,0)"]},
    "sums": [["left", "right", "up"]],
    "turns": [["left", "right"]],
}


def test_sets_are_written_read_and_served(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "tiny").folder
    assert checkpoint.load(folder).sets == {"exemplars": {}, "sums": [], "turns": []}
    checkpoint.save_exemplars(folder, GOOD)
    assert checkpoint.load(folder).sets == GOOD
    (described,) = describe_models(Engine({"tiny": folder}))
    assert described["sets"] == GOOD


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"exemplars": []}, '"exemplars" must give lists'),
        ({"exemplars": {"left": []}}, "'left' must be a list of 1 to 16 z's"),
        ({"exemplars": {"left": ["z(1,4)"] * 17}}, "'left' must be a list of 1 to 16 z's"),
        ({"exemplars": {"left": [4]}}, "'left' has the z 4: a z must be a text"),
        ({"exemplars": {"left": ["z(1)"]}}, "'left' has the z 'z(1)': at character"),
        ({"exemplars": {"left": ["z(1, 4)"]}}, "write it as z(1,4)"),
        ({"exemplars": {"left": ["z(1,4):gain(1,0,3)"]}}, "write it as z(1,4), without edits"),
        ({"sums": [["left", "right"]]}, '"sums" must list groups of 3 names'),
        ({"turns": {"left": "right"}}, '"turns" must list groups of 2 names'),
        ({"turns": [["left", "down"]]}, "\"turns\" names 'down', which is not among"),
        ({"turns": [["left", ["up"]]]}, "\"turns\" names ['up'], which is not among"),
        ({"more": 1}, 'must hold "exemplars", "sums" and "turns", and nothing else'),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    text = json.dumps({**GOOD, **change})
    with pytest.raises(ExemplarError) as error:
        parse_exemplars(text)
    assert says in str(error.value)
    folder = tiny.save(tmp_path / "tiny").folder
    (folder / checkpoint.EXEMPLARS).write_text(text)
    with pytest.raises(CheckpointError, match=r"sets\.json can't be read as sets \("):
        _ = checkpoint.load(folder).sets


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(ExemplarError, match="not valid JSON"):
        parse_exemplars("{")


def test_sets_that_could_not_be_read_back_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ExemplarError):
        checkpoint.save_exemplars(tmp_path, {**GOOD, "turns": [["left", "down"]]})
    assert list(tmp_path.iterdir()) == []
