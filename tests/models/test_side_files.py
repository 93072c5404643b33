"""Damaged files beside the weights, and half a checkpoint, on a page of several models."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.analysis.classifiers import load_classifier
from dcgan.latents.spec import SpecError
from dcgan.models import checkpoint
from dcgan.models.checkpoint import CheckpointError, load, save_directions
from dcgan.models.network_files import encoder_files, probe_files
from dcgan.models.side_files import MAX_BYTES, SideFileError, read_side_file
from dcgan.models.tensor_shapes import encoder_shapes, probe_shapes
from dcgan.paths import REPOSITORY
from dcgan.rendering.engine import Engine
from dcgan.ui.launch import open_checkpoints
from dcgan.ui.routes import browser_engine, discriminator, forget
from dcgan.ui.serving import http
from tests import page_process, tiny

FILES = {
    "directions.json": "python -m training directions",
    "sets.json": "python -m training exemplars",
    "map.json": "python -m training map",
    "boxes-corners.json": "draw the boxes anew",
    "units-corners.json": "python -m dcgan units",
    "probe.json": "python -m training run cifar10",
    "encoder.json": "python -m training encoder",
    "README.md": "correct it",
}
"""And what is said to get another."""
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
    "another name": b'{"Smile!": [1, 2, 3, 4, 5, 6, 7, 8]}',
}


PROBE_FACTS = {"data": "Noise", "test": 40, "accuracy": 0.7}


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
    path = str(weights / "other" / file)
    assert said[0].startswith(f"other works without this file: {path} ")
    assert FILES[file] in said[0]
    response = page.get("/dcgan/models")
    assert response.status_code == 200
    good, other = response.json()
    assert "damaged" not in good
    assert list(other["damaged"]) == [file]
    assert other["damaged"][file].startswith(f"{file} ")
    assert FILES[file] in other["damaged"][file]
    assert str(weights) not in response.text
    assert good["directions"] == ["smile"]
    assert other["directions"] == ([] if file == "directions.json" else ["smile"])
    for model in (good, other):
        text = f"v1:{model['name']}@{model['weights']}:z(1,0)"
        assert page.get("/dcgan/picture", params={"spec": text}).status_code == 200
    assert page.get("/dcgan/probes").status_code == 200
    for model in (good, other):
        address = f"/dcgan/directions/{model['directions_hash']}.json"
        assert list(page.get(address).json()) == model["directions"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", ["folder", "link to nothing", "pipe"])
def test_what_is_no_file_is_damage(weights: Path, file: str, kind: str) -> None:
    path = weights / "other" / file
    path.unlink(missing_ok=True)
    match kind:
        case "folder":
            path.mkdir()
        case "link to nothing":
            path.symlink_to("nowhere")
        case _:
            os.mkfifo(path)
    _, other = client(weights).get("/dcgan/models").json()
    assert list(other["damaged"]) == [file]
    assert str(weights) not in str(other["damaged"])


def test_a_direction_that_no_text_can_name_is_damage(weights: Path) -> None:
    table = {"smile": [0.5] * 8, "Smile!": [0.5] * 8}
    (weights / "other" / "directions.json").write_text(json.dumps(table))
    _, other = client(weights).get("/dcgan/models").json()
    said = other["damaged"]["directions.json"]
    assert "'Smile!'" in said
    assert "1 to 64 of the characters a-z, 0-9, _ and -" in said
    with pytest.raises(SpecError, match="'Smile!'"):
        save_directions(weights / "other", table)


@pytest.mark.parametrize("name", ["probe", "encoder"])
@pytest.mark.parametrize("damage", ["cut off", "alone", "of other weights", "of another shape"])
def test_half_a_network_beside_the_weights_is_listed(weights: Path, name: str, damage: str) -> None:
    opened = load(weights / "other")
    for files, shapes, description in (
        (probe_files, probe_shapes(tiny.CONFIG, 2), {"classes": ["a", "b"], "facts": PROBE_FACTS}),
        (encoder_files, encoder_shapes(tiny.CONFIG, (4, 8)), {"widths": [4, 8], "facts": {}}),
    ):
        tensors = {key: np.zeros(shape, np.float16) for key, shape in shapes.items()}
        files(opened.folder, opened.hash).write(description, save(tensors))
    _, other = client(weights).get("/dcgan/models").json()
    assert "damaged" not in other
    described, tensors = (weights / "other" / f"{name}.{kind}" for kind in ("json", "safetensors"))
    damaged = tensors
    match damage:
        case "cut off":
            cut(weights / "other", tensors.name, -10)
        case "alone":
            described.unlink()
        case "of another shape":
            tensors.write_bytes(save({"weights": np.zeros(3)}))
        case _:
            described.write_text(described.read_text().replace(opened.hash, "00000000"))
            damaged = described
    _, other = client(weights).get("/dcgan/models").json()
    assert list(other["damaged"]) == [damaged.name]


def test_listing_damage_needs_no_torch(weights: Path) -> None:
    for file in ("probe.json", "encoder.json", "units-corners.json"):
        (weights / "other" / file).write_text("{")
    code = (
        "import sys; from pathlib import Path; from dcgan.rendering.engine import *\n"
        "said = []; Engine.of_readable(discover_checkpoints(Path(sys.argv[1])), said.append)\n"
        "sys.exit(len(said) != 3 or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, weights], cwd=REPOSITORY, check=True)


def test_a_giant_card_is_not_read(weights: Path) -> None:
    with (weights / "other" / "README.md").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    _, other = client(weights).get("/dcgan/models").json()
    assert "more than 64 MB" in other["damaged"]["README.md"]


def test_an_error_can_cross_processes(tmp_path: Path) -> None:
    error = SideFileError(tmp_path / "map.json", "is no map", "write it with `it FOLDER`")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(error) == f"{tmp_path}/map.json is no map: write it with `it {tmp_path}`"
    assert error.for_visitors == "map.json is no map: write it with `it FOLDER`"


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
    with pytest.raises(CheckpointError, match=r"a\.json .*\(it is not valid JSON"):
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
    assert str(weights) not in response.text
    assert page.get("/dcgan/picture", params={"spec": text}).status_code == 200


def cut(folder: Path, name: str, to: int) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:to])


def reshape(folder: Path, **fields: tuple[int, ...]) -> None:
    """Give the folder another network's config."""
    (folder / "config.json").write_text(dataclasses.replace(tiny.CONFIG, **fields).to_json())


HALF: dict[str, Callable[[Path], object]] = {
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "weights cut off": lambda folder: cut(folder, "model.safetensors", 900),
    "a header cut off": lambda folder: cut(folder, "model.safetensors", 5),
    "a config cut off": lambda folder: cut(folder, "config.json", 40),
    "a nested config": lambda folder: (folder / "config.json").write_bytes(b"[" * 200_000),
    "a folder for a config": lambda folder: (
        (folder / "config.json").unlink(),
        (folder / "config.json").mkdir(),
    ),
    "another generator's config": lambda folder: reshape(folder, generator_widths=(8, 6)),
    "another discriminator's config": lambda folder: reshape(folder, discriminator_widths=(4, 6)),
    "no config": lambda folder: (folder / "config.json").unlink(),
}


@pytest.mark.parametrize("damage", HALF.values(), ids=HALF)
def test_half_a_checkpoint_is_left_out(
    weights: Path, damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(weights / "other")
    page = client(weights)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(("other is left out: ", f"{weights / 'other'} is left out: "))
    assert line.endswith("copy or download the checkpoint again")
    assert [model["name"] for model in page.get("/dcgan/models").json()] == ["good"]


def test_a_folder_that_holds_nothing_of_a_checkpoint_is_not_spoken_of(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (weights / "judges").mkdir()
    for name in ("README.md", "a.json", "a.safetensors"):
        (weights / "judges" / name).write_text("of classifiers")
    client(weights)
    assert capsys.readouterr().err == ""


def test_stages_are_left_out_with_their_model_and_it_is_said(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.save(weights / "other" / "early")
    cut(weights / "other", "config.json", 40)
    page = client(weights)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "other is left out",
        "other/early is left out",
    ]
    assert "it is a stage of other, which can't be opened" in lines[1]
    assert [model["name"] for model in page.get("/dcgan/models").json()] == ["good"]


def test_a_page_opens_each_checkpoint_once(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    real = checkpoint.load
    monkeypatch.setattr(checkpoint, "load", lambda source: opened.append(source) or real(source))
    client(weights)
    assert len(opened) == 2


def test_weights_that_are_cut_while_a_page_is_open_are_a_sentence(weights: Path) -> None:
    page = client(weights)
    cut(weights / "other", "model.safetensors", 900)
    good, other = page.get("/dcgan/models").json()
    for model, status in ((good, 200), (other, 500)):
        text = f"v1:{model['name']}@{model['weights']}:z(1,0)"
        response = page.get("/dcgan/picture", params={"spec": text})
        assert response.status_code == status
    said = response.json()["error"]
    assert said.startswith("These weights can't be read here: model.safetensors can't be read as ")
    assert str(weights) not in response.text


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
