"""Generator of docs/RESULTS.md, also shown on the page's Results tab, from the files in results/.

python -m training results
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from dcgan.paths import REPOSITORY
from training import records

RESULTS = REPOSITORY / "results"

HEAD = """# Results

Written by `python -m training results` from the files that the experiments keep in results/. What
is marked as quoted, or stands under "the paper", is the paper's and was not measured here."""


def results_page(experiments: Mapping[str, ModuleType], folder: Path = RESULTS) -> str:
    """Return the results page as Markdown.

    Each experiment with a file NAME.json in `folder` gets a section with its `report(facts)` and,
    folded, its module's docstring.
    """
    sections = [HEAD]
    for name, module in experiments.items():
        if facts := records.read(folder / f"{name}.json", dict[str, Any]):
            title, _, about = inspect.cleandoc(module.__doc__ or name).partition("\n\n")
            sections += [
                f'## <a name="{name}"></a>{title}',
                *_made(facts),
                module.report(facts),
                "<details>\n<summary>How it was measured, and what to expect</summary>",
                about,
                "</details>",
            ]
    return "\n\n".join(sections) + "\n"


def _made(facts: dict[str, Any]) -> list[str]:
    """Return a line with date, machine, data and weights of a result, as far as recorded."""
    said = []
    if run := facts.get("run"):
        parts = (f"{count:,} {part}" for part, count in run["data"].items())
        data = ", ".join(parts).replace("_", " ")
        on = f", on {data} pictures" if data else ""
        said.append(f"{run['date']}, {run['minutes']:g} minutes on {run['machine']}{on}")
    if "weights" in facts:
        seen = facts["images_seen"]  # None for weights that were not trained here
        trained = f", {seen:,} images seen" if seen else ""
        said.append(f"weights {facts['weights']}{trained}")
    return [f"*{'; '.join(said)}*"] if said else []
