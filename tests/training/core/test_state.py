"""States: only the right one, whole, is gone on from; and nothing in it is unpickled."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from tests.training import small
from training.core.loop import Run
from training.core.state import StateError, load_state, newest_facts
from training.recipes import Recipe


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
    """The newest."""
    return small.states(out)[-1]


def test_a_state_is_tensors_with_facts_in_their_header(run: Run) -> None:
    (path,) = (run.out / "states").iterdir()
    assert path.name == "000000001.safetensors"
    with safe_open(path, framework="pt") as file:
        names, facts = set(file.keys()), json.loads(file.metadata()["facts"])
    assert {"generator/project.weight", "adam_d/0/exp_avg", "average/n_averaged"} <= names
    assert facts == newest_facts(run.out)
    assert facts["step"] == 1
    assert facts["recipe"]["seed"] == 0


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
    (run.out / "states" / ".000000009.safetensors.a1b2").write_bytes(b"half of")
    assert newest_facts(run.out)["step"] == 1
    make(run.out).resume()


def emptied(content: bytes) -> bytes:
    return b""


def cut_in_its_header(content: bytes) -> bytes:
    return content[:50]


def cut_at_its_end(content: bytes) -> bytes:
    return content[:-10]


def another_number(content: bytes) -> bytes:
    """One bit, in the tensors at the end."""
    return content[:-100] + bytes([content[-100] ^ 64]) + content[-99:]


def without_facts(content: bytes) -> bytes:
    return save({"generator/x": torch.zeros(1)})


@pytest.mark.parametrize(
    "damage", [emptied, cut_in_its_header, cut_at_its_end, another_number, without_facts]
)
def test_from_a_damaged_state_it_falls_back_to_the_one_before(
    run: Run, damage: Callable[[bytes], bytes]
) -> None:
    before = load_file(state(run.out))
    run.trainer.train_step()
    run.save()
    newest = state(run.out)
    newest.write_bytes(damage(newest.read_bytes()))
    said: list[str] = []
    again = make(run.out)
    again.resume(said.append)
    assert again.trainer.step == 1
    for name, tensor in again.trainer.generator.state_dict().items():
        assert torch.equal(tensor, before[f"generator/{name}"]), name
    (line,) = said
    assert "000000002.safetensors can't be read (" in line
    assert line.endswith("renamed to damaged-000000002.safetensors, the one before is used")
    assert newest_facts(run.out)["step"] == 1

    again.trainer.train_step()
    again.save()
    make(run.out).resume(said.append)
    assert len(said) == 1, "that of step 2 is whole again"


def test_where_all_states_are_damaged_it_is_a_sentence(run: Run) -> None:
    state(run.out).write_bytes(b"")
    sentence = r"none of .*'s states can be read \(.*000000001.*\): start a new run from its newest"
    with pytest.raises(StateError, match=sentence):
        make(run.out).resume()
    with pytest.raises(StateError, match=sentence):
        load_state(run.out, {}, {}, lambda _: None)


def test_other_pictures_are_a_sentence(run: Run) -> None:
    fewer = small.images()
    fewer.train = fewer.train[:-1]
    with pytest.raises(StateError, match="on other pictures than these 39: give the same --data"):
        Run(small.RECIPE, fewer, run.out, "no").resume()
    other = small.images()
    other.train = other.train[::-1]
    with pytest.raises(StateError, match="on other pictures than these 40"):
        Run(small.RECIPE, other, run.out, "no").resume()


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
    with pytest.raises(
        StateError, match=r"1.safetensors is the state of another network \(.*\): resume"
    ):
        load_state(run.out, trainer.networks(), trainer.optimisers)


def test_states_of_the_first_version_are_read(run: Run) -> None:
    """They named neither their recipe nor their pictures."""

    def first(facts: dict[str, Any]) -> dict[str, Any]:
        del facts["recipe"], facts["pictures"]
        return facts | {"images_before": 0}

    small.change_facts(run.out, first)
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
