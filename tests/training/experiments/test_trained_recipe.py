"""Which recipe an experiment takes for weights, where nobody says it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from dcgan.models import checkpoint
from dcgan.paths import REPOSITORY
from tests import tiny
from training.experiments.trained_recipe import trained_recipe
from training.recipes import RECIPES


@pytest.mark.parametrize("name", ["faces", "rooms", "mnist", "imagenet32"])
def test_shipped_weights_name_their_recipe(name: str) -> None:
    weights = checkpoint.load(REPOSITORY / "weights" / name)
    found = trained_recipe(weights, None)
    assert (found.keep, found.model) == (RECIPES[name].keep, weights.config)


def test_rooms_are_never_taken_for_faces() -> None:
    """They share a network, and their cards say which is which."""
    with pytest.raises(typer.BadParameter, match="was trained with the recipe rooms"):
        trained_recipe(checkpoint.load(REPOSITORY / "weights" / "rooms"), "faces")


def test_without_a_card_the_option_says_it(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    assert trained_recipe(weights, "rooms").model == weights.config
    with pytest.raises(typer.BadParameter, match="names no recipe: give --recipe, one of faces"):
        trained_recipe(weights, None)
    with pytest.raises(typer.BadParameter, match="there is no recipe 'houses'"):
        trained_recipe(weights, "houses")
