"""--set: what it takes, and the sentence for what it does not."""

from __future__ import annotations

import dataclasses
import re

import pytest

from tests.training import small
from training.cli.overrides import SET_BY_HAND, OverrideError, field_types, override
from training.data.augmentation import Augmentation
from training.recipes import CHANGEABLE_FIELDS, RECIPES, Recipe, RecipeError


def test_each_kind_of_field_is_converted_to_its_type() -> None:
    found = override(
        small.RECIPE,
        [
            "batch_size=64",
            "learning_rate=1e-3",
            "mirror=false",
            "updates=alternating",
            "label=digit",
            'keep={"room": ["bedroom"]}',
            "model.z_size=140",
            "model.prior=normal",
            "model.generator_widths=16, 12",
            "model.generator_kernels=[6, 6]",
            "augmentation.cutout=0.5",
        ],
    )
    assert (found.batch_size, found.learning_rate, found.mirror) == (64, 1e-3, False)
    assert (found.updates, found.label, found.keep) == (
        "alternating",
        "digit",
        {"room": ["bedroom"]},
    )
    assert (found.model.z_size, found.model.prior) == (140, "normal")
    assert found.model.generator_widths == (16, 12)
    assert found.model.generator_kernels == (6, 6)
    assert found.augmentation == Augmentation(cutout=0.5)
    assert override(found, ["label=none"]).label is None


def test_what_is_set_is_a_deviation_and_all_else_is_as_before() -> None:
    found = override(RECIPES["rooms"], ["model.z_size=140", "mirror=no"])
    assert {name for name, why in found.deviations.items() if why == SET_BY_HAND} == {
        "model.z_size",
        "mirror",
    }
    assert found.deviations["keep"] == RECIPES["rooms"].deviations["keep"]
    undone = dataclasses.replace(
        found,
        model=dataclasses.replace(found.model, z_size=100),
        mirror=True,
        deviations=RECIPES["rooms"].deviations,
    )
    assert undone == RECIPES["rooms"]


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("batch_size", "--set takes FIELD=VALUE, such as --set batch_size=64, not 'batch_size'"),
        ("learning_rat=1", "no field 'learning_rat': the nearest are learning_rate"),
        ("prior=normal", "no field 'prior': the nearest are model.prior"),
        ("zzz=1", "no field 'zzz': choose one of model.image_size"),
        ("deviations={}", "no field 'deviations'"),
        ("batch_size=6.5", "batch_size can't be '6.5' (Input should be a valid integer"),
        ("model.prior=gauss", "(Input should be 'uniform' or 'normal'); it is 'uniform'"),
        ("mirror=perhaps", "mirror can't be 'perhaps'"),
        ("keep={", "keep can't be '{'"),
        ("model.generator_widths=a,b", "model.generator_widths can't be 'a,b'"),
        ("model.generator_widths=8", "must be equally long"),
        ("model.image_size=17", "image_size 17 is not divisible"),
        ("augmentation.cutout=2", r"augmentation.cutout must lie in [0, 1], not 2"),
        ("learning_rate=0", "learning_rate must be above 0, not 0"),
        ("batch_size=1", "batch_size must be at least 2 for batch normalisation, not 1"),
        ("average=1", "average must be in [0, 1), not 1"),
    ],
)
def test_what_can_not_be_set_is_one_sentence(assignment: str, says: str) -> None:
    with pytest.raises(OverrideError, match=re.escape(says)) as caught:
        override(small.RECIPE, [assignment])
    assert "\n" not in str(caught.value)


def test_fields_that_depend_on_each_other_are_set_together() -> None:
    found = override(
        small.RECIPE,
        [
            "model.image_size=32",
            "model.generator_widths=8,6,4",
            "model.generator_kernels=4,4,4",
            "model.generator_strides=2,2,2",
        ],
    )
    assert found.model.base_size == 4


def test_every_field_that_decides_what_is_learned_can_be_set() -> None:
    names = set(field_types(small.RECIPE))
    for field in dataclasses.fields(Recipe):
        part = getattr(small.RECIPE, field.name)
        if dataclasses.is_dataclass(part):
            assert {f"{field.name}.{f.name}" for f in dataclasses.fields(part)} <= names
        elif field.name not in CHANGEABLE_FIELDS:
            assert field.name in names


def test_a_recipe_out_of_range_is_refused_wherever_it_is_made() -> None:
    with pytest.raises(RecipeError, match="held_out must be in"):
        dataclasses.replace(small.RECIPE, held_out=1.5)
