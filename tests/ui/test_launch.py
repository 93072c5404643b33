"""Over which checkpoints a page is opened, and what it calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcgan import paths
from dcgan.latents.spec import parse
from dcgan.models.checkpoint import CheckpointError
from dcgan.rendering.engine import Engine
from dcgan.site.manifest import describe_models
from dcgan.ui.launch import find_checkpoints
from tests import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of checkpoints, with a model of the same name in both."""
    folder = tmp_path_factory.mktemp("mine")
    for seed, name in enumerate(
        ("one/faces", "one/faces/seen-1k", "one/Cats 2", "two/faces", "two/faces/seen-1k")
    ):
        tiny.save(folder / name, seed=seed)
    return folder


def test_a_source_is_a_checkpoint_or_a_folder_of_them(folder: Path) -> None:
    one = folder / "one"
    faces = {"faces": one / "faces", "faces/seen-1k": one / "faces" / "seen-1k"}
    assert find_checkpoints([str(one / "faces")]) == faces
    assert find_checkpoints([str(one)]) == faces | {"cats-2": one / "Cats 2"}
    deeper = [*find_checkpoints([str(folder)])]
    assert deeper == ["cats-2", "faces", "faces/seen-1k", "faces-2", "faces-2/seen-1k"]
    stage = {"faces-seen-1k": one / "faces" / "seen-1k"}
    assert find_checkpoints([str(one / "faces" / "seen-1k")]) == stage


def test_a_name_is_given_once_and_a_stage_stays_with_its_model(folder: Path) -> None:
    sources = (folder / "one" / "faces", folder / "two", folder / "one")
    found = find_checkpoints(map(str, sources))
    assert found == {
        "faces": folder / "one" / "faces",
        "faces/seen-1k": folder / "one" / "faces" / "seen-1k",
        "faces-2": folder / "two" / "faces",
        "faces-2/seen-1k": folder / "two" / "faces" / "seen-1k",
        "cats-2": folder / "one" / "Cats 2",
    }
    engine = Engine(found)
    shown = describe_models(engine)
    assert [model["name"] for model in shown] == ["faces", "faces-2", "cats-2"]
    assert [len(model["stages"]) for model in shown] == [1, 1, 0]
    for name in found:
        spec = engine.model(name).sample(1)
        assert parse(str(spec)) == spec


def test_by_default_it_is_weights_of_the_current_folder_or_the_clone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = {name for name in find_checkpoints([]) if "/" not in name}
    assert shipped == {p.parent.name for p in paths.REPOSITORY.glob("weights/*/config.json")}
    (tmp_path / "weights").symlink_to(folder / "two")
    assert [*find_checkpoints([])] == ["faces", "faces/seen-1k"]


def test_a_source_without_a_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a checkpoint: it has no config\.json"):
        find_checkpoints([str(tmp_path)])
    with pytest.raises(CheckpointError, match="give a checkpoint folder or a Hub name like user/"):
        find_checkpoints(["nowhere"])
