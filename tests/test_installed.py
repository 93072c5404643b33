"""The package as somebody has it who has no clone: from its wheel, in another folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.media import images
from dcgan.models import checkpoint
from tests import page_process, wheels
from tests.page_process import ask

ROOT = Path(__file__).parents[1]


class Person:
    """Someone with an environment of their own, in a folder of their own."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.bin, self.folder = environment / "bin", folder
        self.variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        program, *arguments = map(str, command)
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *command: object) -> str:
        ran = self.run(*command)
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    def refused(self, *command: object) -> str:
        """The one sentence of a command that fails."""
        ran = self.run(*command)
        assert (ran.returncode, ran.stdout) == (1, ""), ran
        [line] = ran.stderr.splitlines()
        return line.removeprefix("Error: ")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in a fresh environment that borrows all other packages from this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python, wheel = folder / "venv" / "bin" / "python", wheels.build(folder)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps"]
    subprocess.run([*pip, "--no-index", wheel], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "venv" / "lib" / version / "site-packages"
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv"


@pytest.fixture
def person(environment: Path, tmp_path: Path) -> Person:
    return Person(environment, tmp_path)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A copy of a checkpoint and of its stage."""
    return shutil.copytree(ROOT / "weights" / "mnist", tmp_path / "mine" / "digits")


def test_nothing_of_this_clone_is_used(person: Person) -> None:
    code = "import dcgan, training; from dcgan import paths; print(paths.IS_CLONE, dcgan.__file__)"
    said, place = person.done("python", "-c", code).split()
    assert said == "False"
    assert Path(place).is_relative_to(person.bin.parent)


def test_the_command_is_called_dcgan(person: Person) -> None:
    usage = person.done("dcgan", "--help")
    assert "Usage: dcgan [OPTIONS] COMMAND" in usage
    assert "page" in usage
    assert "Usage: python -m dcgan page" in person.done("python", "-m", "dcgan", "page", "--help")


def test_pictures_are_drawn_from_a_copied_checkpoint(person: Person, digits: Path) -> None:
    text = f"v1:digits@{checkpoint.load(digits).hash}:z(1,0):class(3)"
    person.done("dcgan", "render", text, "three.png", "--weights", "mine")
    three = (person.folder / "three.png").read_bytes()
    assert images.read_spec(three) == text
    code = (
        "from dcgan import load, render\n"
        "render(load('mine/digits'), 'z(1,0):class(3)').save('again.png')"
    )
    person.done("python", "-c", code)
    again = np.asarray(Image.open(person.folder / "again.png"))
    assert (np.asarray(Image.open(person.folder / "three.png")) == again).all()


def test_without_weights_or_a_clone_there_is_a_sentence(person: Person, digits: Path) -> None:
    text = f"v1:digits@{checkpoint.load(digits).hash}:z(1,0):class(3)"
    for command in (("page",), ("render", text, "three.png"), ("site", "out")):
        says = person.refused("dcgan", *command)
        assert says.startswith("there is no folder weights/ here: give a checkpoint folder, a fold")
    place = person.bin.parent
    for command in (
        ("dcgan", "push", "--space", "user/dcgan"),
        ("python", "-m", "training", "results"),
    ):
        says = person.refused(*command)
        assert "needs a clone of the repository, and this dcgan is installed in" in says
        assert str(place) in says
    assert not (person.folder / "docs").exists()


def test_a_site_takes_onnxruntime_web_from_the_current_folder(person: Person, digits: Path) -> None:
    site = ("dcgan", "site", "out", "--weights", "mine", "--no-stages")
    says = person.refused(*site)
    assert "run `npm install onnxruntime-web@" in says
    modules = ROOT / "node_modules"
    if not (modules / "onnxruntime-web").is_dir():
        pytest.skip("onnxruntime-web is not installed here: `make setup` brings it where npm is")
    (person.folder / "node_modules").symlink_to(modules.resolve())
    person.done(*site)
    assert (person.folder / "out" / "index.html").is_file()
    assert not (person.folder / "out" / "LICENSE").exists()
    assert "needs a clone" in person.refused(*site, "--space")


def test_the_page_is_served_from_anywhere(person: Person, digits: Path) -> None:
    command = (person.bin / "dcgan", "page", digits)
    with page_process.serve(command, person.folder, person.variables) as address:
        status, page = ask(address)
        assert status == 200
        assert b"dcgan/web/core/page.js" in page
        module = Path("core", "page.js")
        there = (ROOT / "dcgan" / "ui" / "web" / module).read_bytes()
        assert ask(f"{address}/dcgan/web/{module}") == (200, there)
        [model] = json.loads(ask(f"{address}/dcgan/models")[1])
        assert model["name"] == "digits"
        assert [stage["name"] for stage in model["stages"]] == ["digits/epoch-1"]
        text = f"v1:digits@{model['weights']}:z(1,0):class(3)"
        assert images.read_spec(ask(f"{address}/dcgan/picture?spec={text}")[1]) == text
        status, said = ask(f"{address}/dcgan/results?name=turn")
        assert (status, b"there is: nothing yet." in said) == (404, True)

        port = address.rpartition(":")[2]
        says = person.refused("dcgan", "page", digits, "--port", port)
        assert says.startswith(f"the page can't listen on 127.0.0.1:{port} (")
        assert says.endswith("): give another --port")
