"""JSON files of facts: whole, absent or damaged; the machine that they name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from training import records
from training.records import RecordError

FACTS = {"n": 1, "rate": 0.1, "parts": [{"of": None, "named": "\u00e9"}]}


def test_facts_come_back_as_they_were_written(tmp_path: Path) -> None:
    records.write(tmp_path / "x.json", FACTS)
    assert records.read(tmp_path / "x.json", dict[str, Any]) == FACTS
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_where_there_is_no_file_there_are_no_facts(tmp_path: Path) -> None:
    assert records.read(tmp_path / "x.json", dict[str, Any]) == {}
    assert records.read(None, dict[str, Any]) == {}


@pytest.mark.parametrize("content", [b"", b'{"n": 1, "ra', b"\xff\xfe", b"n = 1", b"[]", b"null"])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"x\.json can't be read \(.+\): restore it") as caught:
        records.read(path, dict[str, Any])
    assert "\n" not in str(caught.value)


def test_a_machine_is_its_cores_and_processor_or_its_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(records, "CPU", tmp_path / "cpuinfo")
    assert re.fullmatch(r"\d+ of \d+ cores, \w+, torch \d.*", records.machine())
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Processor\nstepping\t: 8\n")
    assert ", A Processor, torch" in records.machine()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    assert records.machine() == f"A GPU, torch {torch.__version__}"
