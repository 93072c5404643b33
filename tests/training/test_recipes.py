"""Recipes: the paper's, or a named deviation with its reason."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from dcgan.config import PAPER
from training.data.augmentation import Augmentation
from training.recipes import RECIPES, Recipe, RecipeError, flatten, recipe_from_json

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


def kept(recipe: Recipe, **changes: Any) -> dict[str, Any]:
    """As JSON gives it back."""
    return json.loads(json.dumps(dataclasses.asdict(recipe))) | changes


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_that_was_kept_as_json_comes_back_whole(name: str) -> None:
    assert recipe_from_json(kept(RECIPES[name])) == RECIPES[name]


def test_fields_that_were_not_kept_have_their_defaults() -> None:
    recipe = RECIPES["rooms"]
    facts = kept(recipe, model={"z_size": 7})
    del facts["augmentation"], facts["seed"]
    expected = dataclasses.replace(
        recipe, augmentation=Augmentation(), model=dataclasses.replace(PAPER, z_size=7)
    )
    assert recipe_from_json(facts) == expected
    assert recipe_from_json(
        kept(recipe, augmentation={"cutout": 0.5})
    ).augmentation == Augmentation(cutout=0.5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"new": 1}, "no field new here"),
        ({"model": {"depth": 1}, "new": 1}, r"no field model\.depth, new here"),
        ({"augmentation": {"hue": 1}}, r"no field augmentation\.hue here: use the version"),
        ({"mirror": 1}, "mirror: Input should be a valid boolean"),
        ({"keep": ["room"]}, "keep: "),
        ({"augmentation": {"cutout": 2}}, r"augmentation\.cutout must lie in"),
        ({"model": {"prior": "cauchy"}}, r"model\.prior: Input should be 'uniform' or 'normal'"),
        ({"model": None}, "model: "),
    ],
)
def test_what_is_no_recipe_is_a_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        recipe_from_json(kept(RECIPES["rooms"], **changes))


def test_flat_names_fields_of_fields() -> None:
    found = flatten(dataclasses.replace(DEFAULT, augmentation=Augmentation(cutout=0.5)))
    assert (found["model.z_size"], found["augmentation.cutout"], found["seed"]) == (100, 0.5, 0)
    assert "model" not in found
