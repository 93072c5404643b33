"""A recipe that trains in milliseconds, and pictures for it.

`python -m tests.training.small` is `python -m training` with this recipe, `small`, added.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dcgan.config import ModelConfig
from training.data.datasets import Images
from training.recipes import RECIPES, Recipe

RECIPE = Recipe(
    model=ModelConfig(
        image_size=16,
        z_size=8,
        generator_widths=(8, 6),
        generator_kernels=(4, 4),
        generator_strides=(2, 2),
        discriminator_widths=(4, 8),
        discriminator_kernels=(4, 4),
        discriminator_strides=(2, 2),
    ),
    description="For tests.",
    batch_size=8,
    mirror=True,
    average=0.9,
    l2=1e-5,
)


def pictures(count: int, channels: int = 3, size: int = 16, seed: int = 0) -> np.ndarray:
    """(count, channels, size, size) uint8 of noise."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, channels, size, size), np.uint8)


def images(count: int = 40, held_out: int = 0) -> Images:
    return Images(pictures(count), pictures(held_out, seed=1))


def cells(report: str) -> list[list[str]]:
    """Of every row of the tables in a report, heads among them, what stands in it."""
    rows = [line[1:-1].split("|") for line in report.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def png(picture: np.ndarray) -> bytes:
    """(C, H, W) uint8 as a file."""
    buffer = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0).squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


def states(run: Path) -> list[Path]:
    """Of a run, the newest last."""
    return sorted((run / "states").glob("[0-9]*"))


def change_facts(run: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """In the newest state of a run."""
    path = states(run)[-1]
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    facts = json.dumps(change(json.loads(header["facts"])))
    save_file(load_file(path), path, {**header, "facts": facts})


def change_record(run: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """In the run.json of a run."""
    path = run / "run.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def forget_new_facts(run: Path) -> None:
    """Leave of run.json what versions before its curve and the recipe's name wrote."""

    def older(facts: dict[str, Any]) -> dict[str, Any]:
        del facts["pictures"]["digest"]
        return {name: facts[name] for name in ("recipe", "pictures", "parts")}

    change_record(run, older)


def write_folder(folder: Path, count: int = 40) -> Path:
    """A folder of PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures(count)):
        (folder / f"{number:03d}.png").write_bytes(png(picture))
    return folder


if __name__ == "__main__":
    from training.cli.app import app

    RECIPES["small"] = RECIPE
    app(prog_name="python -m training")
