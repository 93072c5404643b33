"""The recipe that a checkpoint was trained with: its card names it, or --recipe does."""

from __future__ import annotations

import dataclasses

import typer

from dcgan.models.checkpoint import Checkpoint
from training.recipes import RECIPES, Recipe

HELP = "Recipe that the weights were trained with, where their card names none."


def trained_recipe(weights: Checkpoint, given: str | None) -> Recipe:
    """The recipe of a checkpoint, with the checkpoint's network.

    given: the name from --recipe. Raises typer.BadParameter for a name that is no recipe, for one
    that contradicts the card, and where neither names one.
    """
    named = weights.metadata.get("recipe")
    if given is not None and named is not None and given != named:
        raise typer.BadParameter(
            f"{weights.folder} was trained with the recipe {named}, says its card, not {given}: "
            "leave --recipe out"
        )
    name, known = given or named, ", ".join(RECIPES)
    if name is None:
        raise typer.BadParameter(
            f"the card of {weights.folder} names no recipe: give --recipe, one of {known}"
        )
    if name not in RECIPES:
        raise typer.BadParameter(f"there is no recipe {str(name)[:40]!r}; choose {known}")
    return dataclasses.replace(RECIPES[name], model=weights.config)
