"""Named directions: found where they were put, alone where others are held, and then chosen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from dcgan.latents import operations
from dcgan.models import checkpoint
from dcgan.rendering.engine import Model
from tests import tiny
from training.attributes.scores import ScorerPair, display_scores
from training.directions import attribute
from training.directions.attribute import (
    DirectionError,
    choose_directions,
    effect_sizes,
    fit_directions,
    off_target_effect,
    render_latents,
    score_changes,
)

SIZE = tiny.CONFIG.z_size
STEP = 3**-0.5  # a standard deviation of the uniform prior


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model("tiny", tiny.save(tmp_path_factory.mktemp("weights")))


class Known:
    """Says of pictures what is known of the z's that they were last drawn from."""

    names: tuple[str, ...] = ("one", "two")
    logit_names: tuple[str, ...] = names

    def __init__(self, table: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
        self.table, self.zs = table, np.empty((0, SIZE))

        def remember(model: Model, zs: np.ndarray) -> np.ndarray:
            self.zs = zs
            return render_latents(model, zs)

        monkeypatch.setattr(attribute, "render_latents", remember)

    def __call__(self, pictures: np.ndarray, looked: int) -> dict[str, np.ndarray]:
        assert len(pictures) == len(self.zs)
        found = {name: self.zs @ weights for name, weights in self.table.items()}
        found["two"][looked:] = np.nan
        return found


ONE = np.array([2.0, 0, 0, 0, 0, 0, 0, 0])
TWO = np.array([3.0, 4.0, 0, 0, 0, 0, 0, 0])


@pytest.fixture
def seeing(monkeypatch: pytest.MonkeyPatch) -> ScorerPair:
    known = Known({"one": ONE, "two": TWO}, monkeypatch)
    return ScorerPair(known, known, None, {}, {})


def test_a_regression_finds_what_scores_are_made_of(model: Model, seeing: ScorerPair) -> None:
    fitted = fit_directions(model, seeing, 200, looked=60)
    regression = fitted.ways["regression"]
    np.testing.assert_allclose(regression["one"], STEP * ONE / 2, atol=1e-3)
    np.testing.assert_allclose(regression["two"], STEP * TWO / 5, atol=1e-2)
    assert fitted.linear["one"] == pytest.approx(1, abs=1e-3)
    assert fitted.score_std["one"] == pytest.approx(2 * STEP, rel=0.1)
    assert "exemplars" not in fitted.ways


def test_alone_moves_one_thing_and_no_other(model: Model, seeing: ScorerPair) -> None:
    fitted = fit_directions(model, seeing, 200, looked=60)
    alone = fitted.ways["alone"]
    np.testing.assert_allclose(alone["one"] @ TWO, 0, atol=1e-2)
    np.testing.assert_allclose(alone["two"] @ ONE, 0, atol=1e-2)
    for name, weights in (("one", ONE), ("two", TWO)):
        assert np.linalg.norm(alone[name]) == pytest.approx(STEP)
        assert alone[name] @ weights > 0
    # by hand: at right angles to (3, 4) the first goes 0.8 of its way
    np.testing.assert_allclose(alone["one"][:2] / STEP, [0.8, -0.6], atol=1e-2)


def test_changes_are_those_of_one_step_on_new_draws(model: Model, seeing: ScorerPair) -> None:
    step = np.array([0.5, 0, 0, 0, 0, 0, 0, 0])
    found = score_changes(model, seeing.fitting, step, 7, 6, 4)
    np.testing.assert_allclose(found["one"], [1.0] * 6)
    np.testing.assert_allclose(found["two"], [1.5] * 4 + [np.nan] * 2)
    assert effect_sizes(found, {"one": 2.0, "two": 0.5}) == pytest.approx({"one": 0.5, "two": 3})
    assert off_target_effect("one", {"one": 9, "two": 3, "three": -4}) == 5


def test_the_way_that_moves_its_own_and_little_else_is_chosen(
    model: Model, seeing: ScorerPair
) -> None:
    fitted = fit_directions(model, seeing, 200, looked=60)
    chosen = choose_directions(model, seeing, fitted)
    assert {name: way for name, (way, _) in chosen.items()} == {"one": "alone", "two": "alone"}
    np.testing.assert_array_equal(chosen["one"][1], fitted.ways["alone"]["one"])
    only = dataclasses.replace(fitted, ways={"regression": fitted.ways["regression"]})
    assert choose_directions(model, seeing, only)["one"][0] == "regression"


def test_what_samples_do_not_show_is_a_sentence(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Known({"one": ONE, "two": 0 * TWO}, monkeypatch)
    with pytest.raises(DirectionError, match="'two' can't be told apart in the 60 samples"):
        fit_directions(model, ScorerPair(known, known, None, {}, {}), 100, looked=60)


def test_probabilities_are_told_of_logits_alone(seeing: ScorerPair) -> None:
    scores = np.array([0.0, 2.0])
    assert display_scores(seeing.fitting, "one", scores) == pytest.approx(
        [0.5, 1 / (1 + np.exp(-2))]
    )
    assert display_scores(seeing.fitting, "yaw", scores) == pytest.approx(scores)


def test_pictures_of_any_z_are_those_of_its_text(model: Model) -> None:
    zs = operations.draw_latents(1, 0, 3, SIZE, "uniform")
    expected = model.render([model.sample(1, index) for index in range(3)])
    assert np.abs(render_latents(model, zs).astype(int) - expected).max() <= 1


WEIGHTS = Path(__file__).parents[3] / "weights"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("faces", ["smile", "glasses", "male", "blond", "bangs", "age", "yaw"]),
        ("rooms", ["windows"]),
    ],
)
def test_shipped_ones_are_in_the_stages_too_and_as_long_as_principal_ones(
    name: str, expected: list[str]
) -> None:
    weights = checkpoint.load(WEIGHTS / name)
    directions = weights.directions
    assert [d for d in directions if not d.startswith("pc")] == expected
    for step in directions.values():
        assert np.linalg.norm(step) == pytest.approx(STEP, abs=1e-4)
    stages = [checkpoint.load(path.parent) for path in (WEIGHTS / name).glob("*/config.json")]
    assert stages
    assert all(stage.directions == directions for stage in stages)
