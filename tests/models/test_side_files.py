"""Damaged files beside the weights, and half a checkpoint, on a page of several models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.analysis.classifiers import load_classifier
from dcgan.models.checkpoint import CheckpointError
from dcgan.models.side_files import MAX_BYTES, read_side_file
from dcgan.paths import REPOSITORY
from dcgan.rendering.engine import Engine
from dcgan.ui.launch import open_checkpoints
from dcgan.ui.routes import browser_engine, discriminator, forget
from dcgan.ui.serving import http
from tests import page_process, tiny

FILES = ("directions.json", "sets.json", "map.json", "boxes-corners.json", "README.md")
DAMAGE: dict[str, bytes] = {
    "cut off": b'{"smile": [1, 2',
    "another type": b"[1, 2, 3]",
    "a number": b"7",
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "nested": b"[" * 200_000,
    "a huge number": b"[" + b"9" * 6000 + b"]",
    "not a number": b'{"smile": [NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN]}',
    "another length": b'{"smile": [1, 2, 3]}',
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    for name in ("good", "other"):
        tiny.save(tmp_path / "weights" / name)
        (tmp_path / "weights" / name / "directions.json").write_text(
            json.dumps({"smile": [0.5] * 8})
        )
    return tmp_path / "weights"


def client(weights: Path) -> TestClient:
    engine = open_checkpoints([str(weights)])
    parts = (http, browser_engine, forget, discriminator)
    return TestClient(Starlette(routes=[r for part in parts for r in part.routes(engine)]))


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_takes_out_its_own_feature_of_its_own_model(
    weights: Path, file: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    if file == "README.md":
        content = b"---\nkid: [\n" + content + b"\n---\n# Tiny\n"
    (weights / "other" / file).write_bytes(content)
    page = client(weights)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("other works without this file: ")
    assert file in said[0]
    response = page.get("/dcgan/models")
    assert response.status_code == 200
    good, other = response.json()
    assert "damaged" not in good
    assert list(other["damaged"]) == [file]
    assert good["directions"] == ["smile"]
    assert other["directions"] == ([] if file == "directions.json" else ["smile"])
    for model in (good, other):
        text = f"v1:{model['name']}@{model['weights']}:z(1,0)"
        assert page.get("/dcgan/picture", params={"spec": text}).status_code == 200
    assert page.get("/dcgan/probes").status_code == 200
    assert page.get(f"/dcgan/directions/{good['directions_hash']}.json").status_code == 200


@pytest.mark.parametrize(
    "value", ["many", "[1, 2]", "2020-01-01", ".nan", ".inf", "true", "9" * 400]
)
@pytest.mark.parametrize("fact", ["images_seen", "kid"])
@pytest.mark.parametrize("where", ["other", "other/late"])
def test_a_card_that_counts_in_no_number_is_damage(
    weights: Path, where: str, fact: str, value: str
) -> None:
    for name, seen in (("early", 5), ("late", 9)):
        stage = tiny.save(weights / "other" / name).folder
        (stage / "README.md").write_text(f"---\nimages_seen: {seen}\n---\n# Tiny\n")
    (weights / where / "README.md").write_text(f"---\n{fact}: {value}\n---\n# Tiny\n")
    response = client(weights).get("/dcgan/models")
    assert response.status_code == 200
    good, other = response.json()
    owners = {"good": good, "other": other}
    owners |= {stage["name"]: stage for stage in other["stages"]}
    assert {name: [*o["damaged"]] for name, o in owners.items() if "damaged" in o} == {
        where: ["README.md"]
    }
    assert fact in owners[where]["damaged"]["README.md"]
    assert owners[where][fact] is None


@pytest.mark.parametrize("vector", ["12345678", [True] * 8, ["1"] * 8], ids=str)
def test_a_direction_is_a_list_of_numbers(weights: Path, vector: object) -> None:
    (weights / "other" / "directions.json").write_text(json.dumps({"smile": vector}))
    _, other = client(weights).get("/dcgan/models").json()
    assert (other["directions"], list(other["damaged"])) == ([], ["directions.json"])


def test_giant_boxes_are_not_read(weights: Path) -> None:
    with (weights / "other" / "boxes-corners.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    _, other = client(weights).get("/dcgan/models").json()
    assert "more than 64 MB" in other["damaged"]["boxes-corners.json"]


def test_a_nested_classifier_is_damage(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(DAMAGE["nested"])
    with pytest.raises(CheckpointError, match=r"a\.json is not valid JSON"):
        load_classifier(tmp_path, "a")


@pytest.mark.parametrize("content", [*DAMAGE.values()], ids=[*DAMAGE])
def test_a_damaged_probe_is_said_where_it_is_asked_for(weights: Path, content: bytes) -> None:
    (weights / "other" / "probe.json").write_bytes(content)
    page = client(weights)
    assert page.get("/dcgan/probes").json() == {}
    _, other = page.get("/dcgan/models").json()
    text = f"v1:other@{other['weights']}:z(1,0)"
    response = page.get("/dcgan/probe", params={"spec": text})
    assert response.status_code == 500
    assert "probe.json" in response.json()["error"]
    assert page.get("/dcgan/picture", params={"spec": text}).status_code == 200


def cut(folder: Path, name: str, to: int) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:to])


HALF: dict[str, Callable[[Path], object]] = {
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "weights cut off": lambda folder: cut(folder, "model.safetensors", 900),
    "a header cut off": lambda folder: cut(folder, "model.safetensors", 5),
    "a config cut off": lambda folder: cut(folder, "config.json", 40),
    "a nested config": lambda folder: (folder / "config.json").write_bytes(b"[" * 200_000),
}


@pytest.mark.parametrize("damage", HALF.values(), ids=HALF)
def test_half_a_checkpoint_is_left_out(
    weights: Path, damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(weights / "other")
    page = client(weights)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("other is left out: ")
    assert [model["name"] for model in page.get("/dcgan/models").json()] == ["good"]


def test_a_folder_of_any_name_is_served(weights: Path) -> None:
    (weights / "other").rename(weights / "My Faces")
    names = [model["name"] for model in client(weights).get("/dcgan/models").json()]
    assert sorted(names) == ["good", "my-faces"]


def test_without_a_checkpoint_it_is_one_sentence(weights: Path, tmp_path: Path) -> None:
    for name in ("good", "other"):
        cut(weights / name, "config.json", 3)
    with pytest.raises(CheckpointError, match="no checkpoint that can be opened"):
        Engine.of_readable({n: weights / n for n in ("good", "other")}, lambda line: None)
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copy(REPOSITORY / "app.py", clone)
    for folder in (weights, tmp_path / "empty"):
        folder.mkdir(exist_ok=True)
        (clone / "weights").unlink(missing_ok=True)
        (clone / "weights").symlink_to(folder)
        done = subprocess.run(
            [sys.executable, clone / "app.py"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("Error: ")
        assert "Traceback" not in done.stderr


def test_the_page_opens_beside_damage(weights: Path, tmp_path: Path) -> None:
    (weights / "other" / "directions.json").write_text("{")
    half = tiny.save(weights / "half").folder
    cut(half, "model.safetensors", 700)
    command = [sys.executable, "-m", "dcgan", "page", weights]
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with page_process.serve(command, tmp_path, variables) as address:
        status, answer = page_process.ask(f"{address}/dcgan/models")
        assert status == 200
        assert [model["name"] for model in json.loads(answer)] == ["good", "other"]


def test_a_giant_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(CheckpointError, match=r"is no map \(it has more than 64 MB"):
        read_side_file(path, json.loads, "is no map")
