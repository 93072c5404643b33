"""Samples, their distance, and the choice of a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dcgan.models import checkpoint
from dcgan.rendering.engine import Model
from tests import tiny
from tests.training import small
from training.core import run_checkpoints
from training.core.run_checkpoints import best_entry, copy_best
from training.core.state import StateError, save_state
from training.data.readers import DataError
from training.metrics import evaluation
from training.metrics.evaluation import Evaluator


def test_samples_are_the_pictures_that_people_get(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    model = Model("tiny", weights)
    drawn = weights.generator().sample(20, seed=3, batch_size=8)
    expected = model.render([model.sample(3, index) for index in range(20)])
    assert drawn.shape == (20, 16, 16, 3)
    assert np.abs(drawn.astype(int) - expected).max() <= 1


def test_the_distance_is_small_for_held_out_pictures_of_the_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "MIN_HELD_OUT", 64)
    generator = tiny.save(tmp_path / "one").generator()
    own = generator.sample(64, seed=5).transpose(0, 3, 1, 2)
    other = tiny.save(tmp_path / "other", seed=1).generator()
    distance = Evaluator(own)
    assert abs(distance(generator)) < 0.2 * distance(other)
    assert distance(generator) == distance(generator)
    assert distance.count == 64
    monkeypatch.setattr(evaluation, "COMPARED_IMAGES", 30)
    assert Evaluator(own).count == 30


def test_a_generator_that_copies_is_nearer_to_what_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "MIN_HELD_OUT", 64)
    generator = tiny.save(tmp_path / "one").generator()
    alike = [generator.sample(64, seed).transpose(0, 3, 1, 2) for seed in (5, 6)]
    figures = Evaluator(alike[0], alike[1]).figures(generator)
    assert figures["n"] == 64
    assert figures["kid"] == Evaluator(alike[0])(generator)
    assert min(figures["precision"], figures["recall"]) > 0.5
    assert 0.3 < figures["nearer"] < 0.7
    copied = generator.sample(64, evaluation.SAMPLE_SEED).transpose(0, 3, 1, 2)
    assert Evaluator(alike[0], copied).figures(generator)["nearer"] == 1
    assert "nearer" not in Evaluator(alike[0]).figures(generator)


def test_a_distance_takes_enough_pictures() -> None:
    with pytest.raises(DataError, match="takes 500 held-out pictures, but there are only 499:"):
        Evaluator(np.empty((499, 3, 16, 16), np.uint8))


def make_run(folder: Path, kids: list[float | None]) -> Path:
    """A run with a checkpoint for each; None has no KID."""
    curve = []
    for number, kid in enumerate(kids, start=1):
        entry = {"images": 100 * number, "minutes": 1.0}
        if kid is not None:
            entry |= {"kid": kid, "n": 2000}
        curve.append(entry)
        tiny.save(folder / "checkpoints" / f"{100 * number:09d}", seed=number)
    save_state(folder, {}, {}, {"step": 9, "curve": curve})
    return folder


def test_best_is_the_lowest_kid(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run", [None, 0.3, 0.1, 0.2]), tmp_path / "weights" / "faces"
    assert best_entry(run) == {"images": 300, "minutes": 1.0, "kid": 0.1, "n": 2000}
    weights, entry = copy_best(run, out)
    assert entry["images"] == 300
    chosen = run / "checkpoints" / "000000300"
    for path in chosen.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert weights.hash == checkpoint.load(chosen).hash
    with pytest.raises(FileExistsError, match="faces is not empty: give a new folder"):
        copy_best(run, out)


def test_a_checkpoint_that_is_named_is_copied_with_its_probe(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run", [0.3, 0.1]), tmp_path / "out"
    (run / "checkpoints" / "000000100" / "probe.json").write_text("{}")
    weights, entry = copy_best(run, out, 100)
    assert (entry["images"], entry["kid"]) == (100, 0.3)
    assert weights.hash == checkpoint.load(run / "checkpoints" / "000000100").hash
    assert (out / "probe.json").read_text() == "{}"
    with pytest.raises(StateError, match="no checkpoint after 150 images, but after 100, 200"):
        copy_best(run, tmp_path / "other", 150)


def test_a_run_without_a_kid_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"no checkpoint of .*run has a KID: that takes 500"):
        best_entry(make_run(tmp_path / "run", [None, None]))
    with pytest.raises(StateError, match="has no curve of checkpoints"):
        best_entry(tmp_path / "nowhere")


def test_the_card_of_a_checkpoint_counts_and_states_n() -> None:
    entry = {"images": 640, "minutes": 1.5, "kid": 0.25, "n": 2000}
    card = run_checkpoints.checkpoint_card(small.RECIPE.description, entry)
    assert (
        card == "---\nimages_seen: 640\nminutes: 1.5\nkid: 0.25\nkid_n: 2000\n---\n\nFor tests.\n"
    )
    assert run_checkpoints.kid_text(entry) == "KID 0.25000 (n = 2,000)"
