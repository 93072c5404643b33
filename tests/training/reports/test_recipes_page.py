"""What is counted of a step, and docs/RECIPES.md."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.training import small
from training.recipes import RECIPES
from training.reports import recipes_page

PAGE = Path(__file__).parents[3] / "docs" / "RECIPES.md"


def multiplications(network: str) -> int:
    """Of one pass of a picture, by hand: each kernel at every place of the smaller side."""
    if network == "generator":
        return 8 * (8 * 4 * 4) + 4**2 * (8 * 6) * 4**2 + 8**2 * (6 * 3) * 4**2
    return 8**2 * (3 * 4) * 4**2 + 4**2 * (4 * 8) * 4**2 + 8 * 4 * 4


def test_operations_are_those_of_all_passes() -> None:
    """Forward and twice as much back; D's weights get no gradient in G's step, nor the pictures in
    D's."""
    g, d = multiplications("generator"), multiplications("discriminator")
    first = 8**2 * (3 * 4) * 4**2  # of D, which gives the pictures' gradient
    projection = 8 * (8 * 4 * 4)  # of G, which would give that of z
    expected = 2 * (3 * g - projection + 2 * (3 * d - first) + 2 * d)
    for batch in recipes_page.COUNTED_BATCHES:
        assert recipes_page.count_operations(small.RECIPE, batch).operations == batch * expected


def test_a_step_costs_a_fixed_part_and_one_for_each_picture() -> None:
    few, more = (recipes_page.count_operations(small.RECIPE, batch) for batch in (8, 16))
    assert few.kept < more.kept < 2.1 * few.kept
    assert few.moved < more.moved < 2 * few.moved
    scaled = recipes_page.step_cost(dataclasses.replace(small.RECIPE, batch_size=32))
    found = recipes_page.count_operations(small.RECIPE, 32)
    assert scaled.operations == found.operations
    assert scaled.moved == pytest.approx(found.moved, rel=0.01)
    assert scaled.kept == pytest.approx(found.kept, rel=0.01)


def test_alternating_updates_cost_both_steps() -> None:
    alternating = dataclasses.replace(small.RECIPE, updates="alternating")
    both, apart = (
        recipes_page.count_operations(small.RECIPE, 8),
        recipes_page.count_operations(alternating, 8),
    )
    extra = 2 * 8 * multiplications("generator")  # G draws in D's step, and again in its own
    assert apart.operations == both.operations + extra


@pytest.mark.parametrize("name", RECIPES)
def test_the_page_has_every_recipe_as_it_is(name: str) -> None:
    assert recipes_page.recipe_section(name, RECIPES[name]) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["svhn", pytest.param("lsun", marks=pytest.mark.long)])
def test_the_page_has_what_is_counted(name: str) -> None:
    rows = {row[0]: row for row in small.cells(PAGE.read_text(encoding="utf-8"))}
    assert list(rows) == ["", *RECIPES]
    assert rows[name] == recipes_page.table_row(name, RECIPES[name])


def test_speeds_are_measured_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes_page, "SPEEDS", tmp_path / "recipes.json")
    alternating = dataclasses.replace(small.RECIPE, updates="alternating")
    recipes_page.write_speeds({"both": small.RECIPE, "alternating": alternating})
    kept = json.loads((tmp_path / "recipes.json").read_text())
    assert "torch" in kept["machine"]
    assert kept["images_per_second"].keys() == {"both", "alternating"}
    assert min(kept["images_per_second"].values()) > 0
