"""docs/RESULTS.md, which is the page's Results tab too: what experiments have kept in results/.

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
    """Markdown. Of each experiment with a file NAME.json in `folder`: what `report(facts)` makes of
    the file, and what its module says of it, folded."""
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
    """When, where, on what and of which weights, as far as a file says so."""
    said = []
    if run := facts.get("run"):
        parts = (f"{count:,} {part}" for part, count in run["data"].items())
        data = ", ".join(parts).replace("_", " ")
        on = f", on {data} pictures" if data else ""
        said.append(f"{run['date']}, {run['minutes']:g} minutes on {run['machine']}{on}")
    if "weights" in facts:
        seen = facts["images_seen"]  # None of weights from elsewhere
        trained = f", {seen:,} images seen" if seen else ""
        said.append(f"weights {facts['weights']}{trained}")
    return [f"*{'; '.join(said)}*"] if said else []
