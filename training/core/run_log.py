"""What a run writes down beside its weights: how it goes, and where and with what it was trained.

`log.jsonl` has a line every few seconds, and one for what happened to the run. `run.json` has a
`Record`: the recipe, the data, the checkpoints and every process that went on with the run. It is
replaced when a process begins and at each checkpoint.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from training import records
from training.core.state import StateError, newest_facts

LOG_FILE, RECORD_FILE = "log.jsonl", "run.json"


def _checked(entry: dict[str, Any]) -> dict[str, Any]:
    """Raises ValueError for what is no entry of a curve."""
    for name, value in entry.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{name} must be a number, not {value!r}")
    needed = ["images", "minutes", *(["n"] if "kid" in entry else [])]
    if missing := [name for name in needed if name not in entry]:
        raise ValueError(f"it has no {', '.join(missing)}")
    if not isinstance(entry["images"], int):
        raise ValueError(f"images must be a whole number, not {entry['images']!r}")
    return entry


Entry = Annotated[dict[str, Any], AfterValidator(_checked)]
"""A checkpoint: images, minutes and, where they were measured, `Distance.figures`."""


@dataclass(frozen=True)
class Pictures:
    """How many pictures a run trains on and holds out, and `Images.digest` of the former."""

    train: int
    held_out: int
    digest: str | None = None


@dataclass(frozen=True)
class Start:
    """The weights that a run started from (--init): their hash, and the images they had seen."""

    weights: str | None
    images: int


@dataclass(frozen=True)
class Part:
    """A process that trained the run from a step on, or several at once."""

    date: str
    machine: str
    commit: str | None
    from_step: int
    precision: str
    processes: int


@dataclass(frozen=True)
class Record:
    """The content of run.json; None: not recorded, as in runs of earlier versions."""

    recipe_name: str | None = None
    recipe: dict[str, Any] | None = None
    """As it was trained, with what --seed, --with and --set changed; see
    `recipes.recipe_from_json`."""
    data: str | None = None
    """The --data of the latest process."""
    pictures: Pictures | None = None
    init: Start | None = None
    """None also where the run started from noise."""
    curve: list[Entry] | None = None
    parts: list[Part] = field(default_factory=list)


def append_to_log(run: Path, entry: dict[str, Any]) -> None:
    """Add a line to the log."""
    with (run / LOG_FILE).open("a") as file:
        file.write(json.dumps(entry) + "\n")


def read_record(run: Path) -> Record:
    """Read a run's record; an empty one where there is none. Raises RecordError."""
    return records.read(run / RECORD_FILE, Record)


def write_record(run: Path, record: Record) -> None:
    """Write a run's record."""
    for partial in run.glob(f".{RECORD_FILE}.*"):  # what a process was writing when it was killed
        partial.unlink()
    records.write(run / RECORD_FILE, asdict(record))


def begin_part(from_step: int, precision: str, processes: int) -> Part:
    """The part of a run that begins now, here."""
    return Part(
        records.today(), records.machine(), records.commit(), from_step, precision, processes
    )


def read_curve(run: Path) -> list[dict[str, Any]]:
    """Read the entries of a run's checkpoints, for earlier versions' runs from the newest state.

    Raises RecordError, and StateError where neither has them.
    """
    found = read_record(run).curve
    if found is None:
        try:
            found = newest_facts(run).get("curve")
        except StateError:
            found = None
    if found is None:
        raise StateError(
            f"{run} has no curve of checkpoints, neither in {RECORD_FILE} nor in a saved state "
            "that can "
            "be read: give the --out of a training run"
        )
    return found
