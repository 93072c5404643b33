"""`python -m benchmarks`: measure everything, compare with docs/benchmarks.json.

    python -m benchmarks            fails where a figure has fallen by more than a quarter
    python -m benchmarks --write    keeps the new figures instead, and writes docs/BENCHMARKS.md
    python -m benchmarks draw       this one only; the others' figures stay as they are

Compared are the ratios to the peer measured in the same run: they hold on a machine that is
slower, or busier, than the one that wrote the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import machine

SCRIPTS = {
    "train_speed": "Training against the plain loop that most people copy (pytorch/examples).",
    "load_speed": "Reading a set of pictures, against a DataLoader over the same files.",
    "draw": "Pictures from the engine, against the network in eager torch.",
    "start": "From the command to the first picture, against the import of gradio alone.",
    "drag": "From the finger to the picture, against gr.Slider.change -> gr.Image.",
    "crowd": "Thirty-two people who drag at once, against gr.Slider.change -> gr.Image.",
}
KEPT = Path(__file__).parents[1] / "docs" / "benchmarks.json"
FALL = 0.75


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(SCRIPTS)}.")] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Keep the figures.")] = False,
) -> None:
    """Run every benchmark, or those that are named."""
    if unknown := set(names or []) - SCRIPTS.keys():
        raise typer.BadParameter(f"there is no {min(unknown)}; choose {', '.join(SCRIPTS)}")
    found = {name: run(name) for name in names or SCRIPTS}
    kept = json.loads(KEPT.read_text())
    if write:
        kept |= found
        kept = {name: kept[name] for name in SCRIPTS if name in kept}
        KEPT.write_text(json.dumps(kept, indent=2) + "\n")
        KEPT.with_name("BENCHMARKS.md").write_text(page(kept))
        return
    fallen = [
        f"{figure['name']}: {figure['ratio']} times the peer, it was {before['ratio']}"
        for name, measured in found.items()
        for figure, before in pairs(measured, kept.get(name, measured))
        if figure["ratio"] < FALL * before["ratio"]
    ]
    if fallen:
        typer.secho("Fallen by more than a quarter:\n" + "\n".join(fallen), err=True, fg="red")
        raise typer.Exit(1)
    typer.echo("No figure has fallen by more than a quarter.")


def pairs(
    measured: dict[str, Any], before: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Figures of the same name."""
    known = {figure["name"]: figure for figure in before["figures"]}
    return [(f, known[f["name"]]) for f in measured["figures"] if f["name"] in known]


def run(name: str) -> dict[str, Any]:
    """A script's {date, machine, figures}, from a process of its own; what it prints is shown."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(file)]
        subprocess.run(command, check=True)
        figures = json.loads(file.read_text())
    return {"date": str(date.today()), "machine": machine(), "figures": figures}


def page(found: dict[str, dict[str, Any]]) -> str:
    """docs/BENCHMARKS.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m benchmarks --write`; `make bench` runs the same again and fails",
        "where a ratio has fallen by more than a quarter. Ours and the peer take turns in one run.",
    ]
    for name, measured in found.items():
        command = f"`python -m benchmarks.{name}`, {measured['date']}, {measured['machine']}"
        lines += ["", f"## {name}", "", SCRIPTS[name], "", command, ""]
        lines += ["| figure | ours | peer | times as good |", "|---|---|---|---|"]
        lines += [
            f"| {f['name']} | {f['value']} {f['unit']} | {f['peer']} {f['unit']} | {f['ratio']} |"
            for f in measured["figures"]
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
