"""What a run writes down beside its weights: how it goes, and where and with what it was trained.

`log.jsonl` has a line every few seconds, and one for what happened to the run; `run.json` has the
recipe and an entry for each process that went on with it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dcgan.models.checkpoint import write_atomically
from training.data.datasets import Images
from training.experiments import figures
from training.recipes import Recipe

LOG, FACTS = "log.jsonl", "run.json"


def write(run: Path, entry: dict[str, Any]) -> None:
    """Add a line to the log."""
    with (run / LOG).open("a") as file:
        file.write(json.dumps(entry) + "\n")


def begin(run: Path, recipe: Recipe, pictures: Images, part: dict[str, Any]) -> None:
    """Note down that a process goes on with a run; part: what it knows of itself."""
    facts = figures.kept(run / FACTS)
    now = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": figures.machine(),
        "commit": commit(),
    }
    facts = {
        "recipe": asdict(recipe),
        "pictures": {"train": len(pictures.train), "held_out": len(pictures.held_out)},
        "parts": [*facts.get("parts", []), now | part],
    }
    write_atomically(run / FACTS, json.dumps(facts, indent=1).encode())


def commit() -> str | None:
    """Of this repository, with -dirty where files differ from it; None outside of one."""
    described = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        found = subprocess.run(
            described, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
