"""Recipes: the paper's, or a named deviation with its reason."""

from __future__ import annotations

import dataclasses

import pytest

from dcgan.config import PAPER
from training.recipes import RECIPES, Recipe

DEFAULT = Recipe(PAPER, description="")


@pytest.mark.parametrize("name", RECIPES)
def test_every_deviation_has_its_reason_and_every_reason_its_deviation(name: str) -> None:
    recipe = RECIPES[name]
    fields = {field.name for field in dataclasses.fields(Recipe)}
    fields -= {"model", "description", "deviations"}
    different = {f for f in fields if getattr(recipe, f) != getattr(DEFAULT, f)}
    different |= {
        f"model.{field.name}"
        for field in dataclasses.fields(PAPER)
        if getattr(recipe.model, field.name) != getattr(PAPER, field.name)
    }
    assert recipe.deviations.keys() == different
    assert all(len(reason) > 10 for reason in recipe.deviations.values())


def test_the_defaults_are_section_4() -> None:
    assert (DEFAULT.batch_size, DEFAULT.learning_rate, DEFAULT.beta1) == (128, 0.0002, 0.5)
    assert (DEFAULT.mirror, DEFAULT.average, DEFAULT.l2, DEFAULT.updates) == (False, 0, 0, "both")
    assert PAPER.generator_widths == (1024, 512, 256, 128)
    assert (PAPER.z_size, PAPER.prior, PAPER.image_size) == (100, "uniform", 64)
