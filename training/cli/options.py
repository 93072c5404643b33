"""Options and arguments shared by several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dcgan.models import checkpoint
from training.recipes import RECIPES, Recipe

Data = Annotated[str, typer.Option(help="Folder of parquet files or images, or Hub data set.")]


def find_recipe(name: str) -> Recipe:
    """Return the recipe of this name. Raises BadParameter for an unknown name."""
    if name not in RECIPES:
        raise typer.BadParameter(f"there is no recipe {name!r}; choose {', '.join(RECIPES)}")
    return RECIPES[name]


def with_stages(folder: Path) -> list[Path]:
    """Return a checkpoint's folder and those of its stages."""
    return [folder, *sorted(path.parent for path in folder.glob(f"*/{checkpoint.CONFIG}"))]
