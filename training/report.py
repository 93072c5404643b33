"""docs/RESULTS.md: every experiment whose figures are kept in results/, as it printed them.

python -m training report
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"

HEAD = """# Results

Written by `python -m training report` from the files that the experiments keep in results/. Every
number was measured by the command above it, on the weights named there."""


def results(experiments: Mapping[str, ModuleType], folder: Path = RESULTS) -> str:
    """Markdown. Of each experiment with a file NAME.json in `folder`: what its module says of it,
    and what `report(facts)` makes of the file."""
    sections = [HEAD]
    for name, module in experiments.items():
        path = folder / f"{name}.json"
        if path.is_file():
            facts = json.loads(path.read_text(encoding="utf-8"))
            title, _, about = inspect.cleandoc(module.__doc__ or name).partition("\n\n")
            sections += [
                f"## {title}",
                about,
                *_weights(facts),
                f"```\n{module.report(facts)}\n```",
            ]
    return "\n\n".join(sections) + "\n"


def _weights(facts: dict[str, Any]) -> list[str]:
    """What they are, where an experiment is of one checkpoint."""
    if "weights" not in facts:
        return []
    seen = facts["images_seen"]  # None of weights from elsewhere
    return [f"Weights {facts['weights']}" + (f", {seen:,} images seen:" if seen else ":")]
