"""Log and record of a run.

`log.jsonl` gets a line of losses every few seconds and a line for each event, such as a collapse.
`run.json` holds a `Record`: recipe, data, curve of checkpoints, and where and by which version each
part of the run was trained. It is rewritten when a process begins and at each checkpoint.
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
    """Validate an entry of a curve. Raises ValueError."""
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
"""A checkpoint in a curve: images, minutes and, if measured, the metrics of `Evaluator.figures`."""


@dataclass(frozen=True)
class Pictures:
    """Numbers of training and held-out images, and the training images' `Images.digest`."""

    train: int
    held_out: int
    digest: str | None = None


@dataclass(frozen=True)
class Start:
    """Hash of the weights that a run started from (--init), and the images they had seen."""

    weights: str | None
    images: int


@dataclass(frozen=True)
class Part:
    """Part of a run that was trained without a break, by one or more processes.

    commit: `git describe` of this repository (None: unknown). from_step: first step of the part.
    precision: name of the dtype of mixed precision.
    """

    date: str
    machine: str
    commit: str | None
    from_step: int
    precision: str
    processes: int


@dataclass(frozen=True)
class Record:
    """Content of run.json. None: not recorded, as in runs of earlier versions."""

    recipe_name: str | None = None
    recipe: dict[str, Any] | None = None
    """The recipe with the changes of --seed, --with and --set; see `recipes.recipe_from_json`."""
    data: str | None = None
    """Value of --data in the latest part."""
    pictures: Pictures | None = None
    init: Start | None = None
    """None also if the run started from random weights."""
    curve: list[Entry] | None = None
    parts: list[Part] = field(default_factory=list)


def append_to_log(run: Path, entry: dict[str, Any]) -> None:
    """Append an entry to the run's log as a line of JSON."""
    with (run / LOG_FILE).open("a") as file:
        file.write(json.dumps(entry) + "\n")


def read_record(run: Path) -> Record:
    """Read a run's record; return an empty one if there is no file. Raises RecordError."""
    return records.read(run / RECORD_FILE, Record)


def write_record(run: Path, record: Record) -> None:
    """Write a run's record."""
    for partial in run.glob(f".{RECORD_FILE}.*"):  # left by a process killed while writing
        partial.unlink()
    records.write(run / RECORD_FILE, asdict(record))


def begin_part(from_step: int, precision: str, processes: int) -> Part:
    """Return the `Part` of a run that begins now, on this machine."""
    return Part(
        records.today(), records.machine(), records.commit(), from_step, precision, processes
    )


def read_curve(run: Path) -> list[dict[str, Any]]:
    """Read the entries of a run's checkpoints.

    Runs of earlier versions keep them in the newest state instead of run.json. Raises RecordError,
    and StateError if neither has them.
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
