"""JSON files of facts, and their provenance: date, machine, commit."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import TypeAdapter, ValidationError

from dcgan.models.checkpoint import write_atomically

CPU = Path("/proc/cpuinfo")
"""Linux's description of the processor; other systems report the architecture only."""

Kind = TypeVar("Kind")


class RecordError(ValueError):
    """A JSON file that can't be read; the message says which, why and what to do."""


def read(path: Path | None, kind: type[Kind]) -> Kind:
    """Read a JSON file as `kind`, a dict or a dataclass; return kind() if there is no file.

    Raises RecordError if the file is damaged or does not match `kind`.
    """
    if path is None or not path.is_file():
        return kind()
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        raise RecordError(
            f"{path} can't be read ({reason(error)}): restore it from a copy, or move it away and "
            "run the command again"
        ) from None


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    write_atomically(path, (json.dumps(facts, indent=1) + "\n").encode())


def reason(error: ValidationError) -> str:
    """Return the first of pydantic's messages, with the name of its field."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    field = ".".join(map(str, first["loc"]))
    return f"{field}: {message}" if field else message


def today() -> str:
    """Return the date (UTC) in ISO format, such as 2026-11-30."""
    return datetime.now(UTC).date().isoformat()


def machine() -> str:
    """Describe the hardware and the version of torch.

    Names the GPU, or the processor and the number of its cores that torch uses.
    """
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    named = re.search(r"model name\s*: (.+)", CPU.read_text()) if CPU.is_file() else None
    processor = named[1] if named else platform.machine()
    cores = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
    return f"{cores}, {processor}, torch {torch.__version__}"


def commit() -> str | None:
    """Return this repository's commit, with -dirty if files are changed; None outside a clone."""
    described = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        found = subprocess.run(
            described, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
