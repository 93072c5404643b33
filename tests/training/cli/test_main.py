"""`python -m training` as people run it; signals are in test_loop.py."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dcgan.models import checkpoint
from tests import tiny
from tests.training import small
from training.cli.app import app
from training.core.state import newest_facts
from training.metrics import evaluation
from training.recipes import RECIPES


@pytest.fixture(autouse=True)
def small_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "small", small.RECIPE)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return small.write_folder(tmp_path / "data")


@pytest.fixture
def small_run(tmp_path: Path, data: Path) -> Path:
    """A run of two steps."""
    out = tmp_path / "small-run"
    done("train", "small", "--data", data, "--out", out, "--steps", 2, "--precision", "no")
    return out


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result
    return result.stdout


def refused(*arguments: object, code: int = 1) -> str:
    """The sentence of a command that fails."""
    result = run(*arguments)
    assert result.exit_code == code, result
    assert "Traceback" not in result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("Error: ")
    return line


def test_the_real_command_explains_itself() -> None:
    command = [sys.executable, "-W", "error", "-m", "training"]
    ran = subprocess.run(
        [*command, "train", "cats", "--data", "x", "--out", "y"],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "there is no recipe 'cats'; choose faces, faces-common" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_dry_run_prints_recipe_deviations_and_data(tmp_path: Path, data: Path) -> None:
    faces = small.write_folder(tmp_path / "faces")
    out = tmp_path / "out"
    printed = refused("train", "faces", "--data", faces, "--out", out, "--dry-run")
    assert "found no 64x64 pictures to train on" in printed
    assert "40 not 64x64" in printed

    printed = done("train", "small", "--data", data, "--out", out, "--dry-run", "--seed", 6)
    recipe, end = json.JSONDecoder().raw_decode(printed)
    assert recipe["model"]["generator_widths"] == [8, 6]
    assert recipe["deviations"] == {}
    assert recipe["seed"] == 6
    assert "pictures to train on" in printed[end:]
    assert not out.exists()


def test_a_run_is_trained_resumed_and_started_from(tmp_path: Path, data: Path) -> None:
    out, more = tmp_path / "run", tmp_path / "more"
    common = ["train", "small", "--data", data, "--precision", "no"]
    assert "training on cpu in float32 from step 0" in done(*common, "--out", out, "--steps", 3)
    assert "holds a run: give --resume" in refused(*common, "--out", out, "--steps", 4, code=2)
    printed = done(*common, "--out", out, "--steps", 5, "--resume")
    assert "from step 3" in printed
    assert "stopped after step 5; --resume goes on from here" in printed
    assert "another seed" in refused(*common, "--out", out, "--resume", "--seed", 1)

    weights = out / "checkpoints" / "000000040"
    done(*common, "--out", more, "--steps", 2, "--init", weights)
    kept = json.loads((more / "run.json").read_text())
    assert (kept["recipe_name"], kept["data"]) == ("small", str(data))
    assert kept["init"] == {"weights": checkpoint.load(weights).hash, "images": 40}
    assert json.loads((out / "run.json").read_text())["init"] is None
    assert newest_facts(more)["curve"][-1]["images"] == 40 + 16


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--resume", "--init", "x"], 2, "--resume goes on with a run, --init starts one"),
        (["--resume"], 1, "has no saved state"),
        (["--init", "nowhere/at/all"], 1, "there is no folder 'nowhere/at/all'"),
        (["--precision", "fp8"], 2, "'fp8' is not one of"),
        (["--seed", "-1"], 2, "should be greater than or equal to 0"),
        (["--minutes", "soon"], 2, "'--minutes': Input should be a valid number"),
    ],
)
def test_what_can_not_be_done_is_a_sentence(
    tmp_path: Path, data: Path, options: list[str], code: int, says: str
) -> None:
    out = tmp_path / "run"
    assert says in refused("train", "small", "--data", data, "--out", out, *options, code=code)


def test_data_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    out, empty = tmp_path / "run", tmp_path / "empty"
    empty.mkdir()
    assert "it is empty" in refused("train", "small", "--data", empty, "--out", out)
    missing = tmp_path / "missing"
    assert "there is no folder" in refused("train", "small", "--data", missing, "--out", out)
    few = small.write_folder(tmp_path / "few", 6)
    says = refused("train", "small", "--data", few, "--out", out)
    assert "a batch has 8 pictures, but there are only" in says
    assert not out.exists()


def test_a_place_that_can_not_be_written_is_a_sentence(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    says = refused("train", "small", "--data", data, "--out", file / "run", "--steps", 1)
    assert str(file) in says


def test_directions_are_added_to_a_checkpoint(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "weights").folder
    checkpoint.save_directions(folder, {"smile": [1.0] * 8, "pc1": [2.0] * 8})
    assert "pc1, pc2, pc3, pc4, pc5, pc6, pc7, pc8" in done("directions", folder)
    directions = checkpoint.load(folder).directions
    assert list(directions) == ["smile", *(f"pc{i}" for i in range(1, 9))]
    assert directions["smile"] == [1.0] * 8
    assert directions["pc1"] != [2.0] * 8
    assert "there is no folder" in refused("directions", tmp_path / "nowhere")


def test_directions_that_are_damaged_are_made_anew(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "weights").folder
    (folder / checkpoint.DIRECTIONS).write_text("{")
    result = run("directions", folder)
    assert result.exit_code == 0
    assert "directions.json is not a table of directions" in result.stderr
    assert list(checkpoint.load(folder).directions) == [f"pc{i}" for i in range(1, 9)]


def test_evaluate_ends_with_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tiny.save(tmp_path / "weights")
    data = small.write_folder(tmp_path / "data", 200)
    assert "takes 500 held-out pictures" in refused("evaluate", weights.folder, "--real", data)
    monkeypatch.setattr(evaluation, "COMPARED_IMAGES", 8)
    monkeypatch.setattr(evaluation, "MIN_HELD_OUT", 8)
    measured = json.loads(done("evaluate", weights.folder, "--real", data).splitlines()[-1])
    assert measured["weights"] == weights.hash
    assert measured["features"] == "efficientnet-lite0"
    assert measured["n"] == 8
    assert measured["kid"] > 0
    assert measured["frechet"] > 0
    assert 0 <= measured["precision"] < 1
    assert 0 <= measured["recall"] <= 1
    assert 0 <= measured["nearer"] <= 1
    assert len(measured["dead"]) == len(measured["duplicated"]) == 2
    assert measured["diversity"] > 0
    refusal = refused("evaluate", weights.folder, "--real", data, "--features", "inception")
    assert "take torch-fidelity (pip install torch-fidelity)" in refusal
    of_recipe = ("evaluate", weights.folder, "--real", data, "--recipe")
    assert json.loads(done(*of_recipe, "small").splitlines()[-1]) == measured
    assert "there is no recipe 'large'" in refused(*of_recipe, "large", code=2)


def test_best_copies_the_checkpoint_of_a_real_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "COMPARED_IMAGES", 8)
    monkeypatch.setattr(evaluation, "MIN_HELD_OUT", 8)
    data, out = small.write_folder(tmp_path / "data", 200), tmp_path / "run"
    done("train", "small", "--data", data, "--out", out, "--steps", 26, "--precision", "no")
    curve = newest_facts(out)["curve"]
    assert len(curve) == 2
    lowest = min(curve, key=lambda entry: entry["kid"])
    printed = done("best", out, tmp_path / "weights")
    assert f"{lowest['images']:,} images, KID {lowest['kid']:.5f} (n = 8)" in printed
    assert checkpoint.load(tmp_path / "weights").metadata["images_seen"] == lowest["images"]
    assert "is not empty" in refused("best", out, tmp_path / "weights")
    assert str(out / "best") in done("best", out)
    assert checkpoint.load(out / "best").hash == checkpoint.load(tmp_path / "weights").hash
    assert "has no curve of checkpoints" in refused("best", tmp_path / "nothing", tmp_path / "x")


def cut(text: str) -> str:
    return text[: len(text) // 2]


def changed(**facts: object) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | facts)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "Invalid JSON: EOF"),
        (lambda text: "", "Invalid JSON: EOF"),
        (lambda text: "recipe: small", "Invalid JSON: expected value"),
        (lambda text: "[1]", "Input should be an object"),
        (changed(recipe="small"), "recipe: Input should be"),
        (changed(recipe_name=5), "recipe_name: Input should be"),
        (changed(pictures={"train": "many"}), "pictures.train: Input should be"),
        (changed(parts=[{}]), "parts.0.date: "),
        (changed(init="faces"), "init: Input should be"),
        (changed(curve={}), "curve: Input should be"),
        (changed(curve=[[40, 1.0]]), "curve.0: Input should be"),
        (changed(curve=[{"images": 40}]), "curve.0: it has no minutes"),
        (changed(curve=[{"images": 40, "minutes": 1, "kid": 0.5}]), "curve.0: it has no n"),
        (changed(curve=[{"images": "40", "minutes": 1}]), "images must be a number, not '40'"),
        (changed(curve=[{"images": 40.5, "minutes": 1}]), "images must be a whole number"),
    ],
)
def test_a_damaged_run_json_is_a_sentence(
    small_run: Path, data: Path, damage: Callable[[str], str], says: str, tmp_path: Path
) -> None:
    path = small_run / "run.json"
    path.write_text(damage(path.read_text()))
    train = ("train", "small", "--data", data, "--precision", "no", "--out", small_run)
    for command in (
        ("best", small_run),
        ("report", small_run),
        ("ship", small_run, tmp_path / "shipped", "--data", data),
        (*train, "--steps", 3, "--resume"),
        (*train, "--steps", 3),
    ):
        sentence = refused(*command)
        assert sentence.startswith(f"Error: {path} can't be read (")
        assert says in sentence
        assert "restore it from a copy, or move it away and run the command again" in sentence
    path.unlink()
    done(*train, "--steps", 3, "--resume")
    assert json.loads(path.read_text())["curve"] == newest_facts(small_run)["curve"]


def test_a_run_without_its_states_is_not_written_over(small_run: Path, data: Path) -> None:
    shutil.rmtree(small_run / "states")
    before = (small_run / "run.json").read_bytes()
    train = ("train", "small", "--data", data, "--precision", "no", "--out", small_run)
    assert "holds a run: give --resume, or another --out" in refused(*train, code=2)
    assert (small_run / "run.json").read_bytes() == before
    done("report", small_run)


def test_ship_names_the_option_that_an_old_run_lacks(
    small_run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship = ("ship", small_run, tmp_path / "out", "--data", data)
    curve = [{"images": 16, "minutes": 0.1, "kid": 0.5, "n": 8}]
    small.change_record(small_run, lambda facts: facts | {"curve": curve})
    monkeypatch.setitem(RECIPES, "other", dataclasses.replace(small.RECIPE, description="Other."))
    refusal = "was trained with the recipe 'small', not 'other': leave out --recipe"
    assert refusal in refused(*ship, "--recipe", "other")
    small.change_record(small_run, lambda facts: facts | {"recipe_name": None})
    says = refused(*ship)
    assert "the recipes small, other have its network: give the name" in says
    assert "(--recipe)" in says
    assert "held-out pictures, and a card shows 8" in refused(*ship, "--recipe", "small")


def test_import_theano_says_which_file_is_missing(tmp_path: Path) -> None:
    says = refused("import-theano", tmp_path, tmp_path / "svhn")
    assert f"there is no {tmp_path}/200_gen_params.jl_01.npy" in says


def test_without_its_packages_it_says_what_to_install() -> None:
    hide = """import runpy, sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "typer":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
runpy.run_module("training", run_name="__main__")
"""
    result = subprocess.run(
        [sys.executable, "-c", hide], check=False, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr == (
        "python -m training needs typer, which is not installed here: run `make develop`, or "
        "`pip install -r requirements-train.txt`\n"
    )
