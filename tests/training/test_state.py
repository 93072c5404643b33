"""States: only the right one, whole, is gone on from; and nothing in it is unpickled."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.training import small
from training.loop import Run
from training.recipes import Recipe
from training.state import FACTS, TENSORS, StateError, load_state, newest_facts


def make(out: Path, recipe: Recipe = small.RECIPE) -> Run:
    return Run(recipe, small.images(), out, "no")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has made a step and saved it."""
    run = make(tmp_path)
    run.trainer.train_step()
    run.save()
    return run


def state(out: Path) -> Path:
    return max((out / "states").iterdir())


def test_a_state_is_tensors_and_json(run: Run) -> None:
    folder = state(run.out)
    assert sorted(path.name for path in folder.iterdir()) == [FACTS, TENSORS]
    facts = json.loads((folder / FACTS).read_text())
    assert facts["step"] == 1
    assert facts["recipe"]["seed"] == 0
    with safe_open(folder / TENSORS, framework="pt") as file:
        names = set(file.keys())
    assert {"generator/project.weight", "adam_d/0/exp_avg", "average/n_averaged"} <= names


def test_optimisers_come_back_in_the_parameters_memory_format(run: Run) -> None:
    again = make(run.out)
    again.resume()
    for optimiser in again.trainer.optimisers.values():
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        assert any(not parameter.is_contiguous() for parameter in parameters)
        for parameter in parameters:
            assert optimiser.state[parameter]["exp_avg"].stride() == parameter.stride()
            assert optimiser.state[parameter]["exp_avg"].any()


def test_a_folder_without_a_state_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="has no saved state: give the folder of a run, or start"):
        make(tmp_path).resume()
    with pytest.raises(StateError, match="has no saved state"):
        newest_facts(tmp_path / "nowhere")


def test_an_unfinished_state_does_not_count(run: Run) -> None:
    (run.out / "states" / ".000000009").mkdir()
    assert newest_facts(run.out)["step"] == 1


@pytest.mark.parametrize(
    ("name", "keep"), [(TENSORS, 0), (TENSORS, 50), (TENSORS, -10), (FACTS, 0), (FACTS, 20)]
)
def test_a_damaged_state_is_a_sentence(run: Run, name: str, keep: int) -> None:
    path = state(run.out) / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StateError, match=r"000000001 can't be read .*: delete it to go on from"):
        make(run.out).resume()


@pytest.mark.parametrize("name", [TENSORS, FACTS])
def test_a_state_with_a_file_missing_is_a_sentence(run: Run, name: str) -> None:
    (state(run.out) / name).unlink()
    with pytest.raises(StateError, match="can't be read"):
        make(run.out).resume()


def test_after_deleting_a_damaged_state_the_one_before_is_used(run: Run) -> None:
    run.trainer.train_step()
    run.save()
    newest = state(run.out)
    (newest / TENSORS).write_bytes(b"")
    with pytest.raises(StateError, match="000000002"):
        make(run.out).resume()
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    again = make(run.out)
    again.resume()
    assert again.trainer.step == 1


@pytest.mark.parametrize(
    "change",
    [{"generator_widths": (6, 4)}, {"hidden_dense": 4}, {"channels": 1}],
    ids=["widths", "layers", "channels"],
)
def test_the_state_of_another_network_is_a_sentence(run: Run, change: dict[str, object]) -> None:
    model = dataclasses.replace(small.RECIPE.model, **change)
    other = make(run.out, dataclasses.replace(small.RECIPE, model=model))
    with pytest.raises(StateError, match="was trained with another model: give the recipe"):
        other.resume()
    trainer = other.trainer
    with pytest.raises(StateError, match=r"1 is the state of another network \(.*\): resume"):
        load_state(run.out, trainer.networks(), trainer.optimisers)


def test_states_of_the_first_version_are_read(run: Run) -> None:
    """They did not name their recipe."""
    path = state(run.out) / FACTS
    facts = json.loads(path.read_text())
    del facts["recipe"]
    path.write_text(json.dumps(facts | {"images_before": 0}))
    again = make(run.out)
    again.resume()
    assert again.trainer.images_seen == 8


def test_nothing_is_unpickled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    monkeypatch.setattr(torch, "load", forbidden)
    monkeypatch.setattr("pickle.load", forbidden)
    monkeypatch.setattr("pickle.loads", forbidden)
    monkeypatch.setattr("pickle.Unpickler", forbidden)
    make(run.out).resume()
    assert not list(run.out.rglob("*.pt*"))
    assert not list(run.out.rglob("*.pkl"))
