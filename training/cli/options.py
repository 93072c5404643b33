"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dcgan.models import checkpoint
from training.recipes import RECIPES, Recipe

Data = Annotated[str, typer.Option(help="Folder of parquet or pictures, or Hub data set.")]


def find_recipe(name: str) -> Recipe:
    """Raises BadParameter for a name that is not in `RECIPES`."""
    if name not in RECIPES:
        raise typer.BadParameter(f"there is no recipe {name!r}; choose {', '.join(RECIPES)}")
    return RECIPES[name]


def with_stages(folder: Path) -> list[Path]:
    """A checkpoint's folder and those of its stages."""
    return [folder, *sorted(path.parent for path in folder.glob(f"*/{checkpoint.CONFIG}"))]
