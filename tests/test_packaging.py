"""What is declared, what the wheel holds, and which Python `make` takes."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dcgan
from dcgan.optional import EXTRAS
from tests import wheels

ROOT = Path(__file__).parents[1]
OURS = {"app", "benchmarks", "dcgan", "tests", "training"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def declared(*extras: str) -> dict[str, Requirement]:
    """Of the project and of some extras, with the extras that these name."""
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    found = {}
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["name"]:
            found |= declared(*requirement.extras)
        else:
            found[canonicalize_name(requirement.name)] = requirement
    return found


def pinned(name: str) -> dict[str, str]:
    """Versions by package, of a file and of those that it includes."""
    found = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found |= pinned(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            package, version = line.split("==")
            found[canonicalize_name(package)] = version
    return found


@pytest.fixture(scope="module")
def installed() -> dict[str, set[str]]:
    """Packages by the names that are imported of them."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, packages in importlib.metadata.packages_distributions().items():
        found[name] |= {canonicalize_name(package) for package in packages}
    for package in importlib.metadata.distributions():  # top_level.txt of some is wrong
        for file in package.files or ():
            if file.parts[-1] == "__init__.py" and len(file.parts) == 2:
                found[file.parts[0]].add(canonicalize_name(package.metadata["Name"]))
    return found


def imports(path: Path, *, at_start: bool = False) -> set[str]:
    """Modules that a file imports; at_start: when it is imported itself, not later or for types."""

    def walk(node: ast.AST) -> Iterator[str]:
        if at_start and _is_later(node):
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            yield from (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    return set(walk(ast.parse(path.read_text(encoding="utf-8"))))


def _is_later(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def others(modules: Collection[str]) -> set[str]:
    """Of the modules the names of other people's packages."""
    return {module.split(".")[0] for module in modules} - OURS - sys.stdlib_module_names


def source(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def loaded(module: str) -> set[str]:
    """Other people's packages that importing one of our modules imports."""
    waiting, seen, found = [module], set(), set()
    while waiting:
        name = waiting.pop()
        path = source(name)
        if path is None or name in seen:
            continue
        seen.add(name)
        asked = imports(path, at_start=True)
        found |= others(asked)
        waiting += [name.rpartition(".")[0], *(m for m in asked if m.split(".")[0] in OURS)]
    return found


def undeclared(
    names: Collection[str], installed: dict[str, set[str]], known: Collection[str]
) -> set[str]:
    return {name for name in names if not installed[name] & {*known}}


@pytest.mark.parametrize(
    ("folder", "extras", "pins"),
    [
        ("dcgan", ("page", "invert", "video"), "requirements.txt"),
        ("training", ("train",), "requirements-train.txt"),
        ("tests", ("dev",), "requirements-dev.txt"),
        ("benchmarks", ("dev",), "requirements-dev.txt"),
    ],
)
def test_all_that_is_imported_is_declared(
    installed: dict[str, set[str]], folder: str, extras: tuple[str, ...], pins: str
) -> None:
    names = {name for path in (ROOT / folder).rglob("*.py") for name in others(imports(path))}
    assert not undeclared(names, installed, declared(*extras))
    assert not undeclared(names, installed, pinned(pins))


@pytest.mark.parametrize(
    ("module", "extras"),
    [
        ("dcgan.api", ()),
        ("dcgan.cli", ()),
        ("dcgan.site.redraw", ()),
        ("dcgan.ui.launch", ("page",)),
    ],
)
def test_a_module_starts_with_what_its_extra_brings(
    installed: dict[str, set[str]], module: str, extras: tuple[str, ...]
) -> None:
    names = loaded(module)
    assert "numpy" in names
    assert not undeclared(names, installed, declared(*extras))


def test_what_is_said_of_a_missing_package_is_what_its_extra_brings(
    installed: dict[str, set[str]],
) -> None:
    base = declared()
    optional = {
        name
        for path in (ROOT / "dcgan").rglob("*.py")
        for name in others(imports(path))
        if not installed[name] & base.keys()
    }
    assert optional == EXTRAS.keys()
    for name, (package, extra) in EXTRAS.items():
        assert canonicalize_name(package) in installed[name]
        assert canonicalize_name(package) in declared(extra).keys() - base.keys()


def test_the_tested_versions_are_in_the_declared_ranges() -> None:
    pins, ranges = pinned("requirements-dev.txt"), declared("dev")
    assert pins.keys() == ranges.keys()
    assert not {n: pins[n] for n in pins if not ranges[n].specifier.contains(pins[n])}


def test_a_wheel_holds_both_packages_and_all_their_files(tmp_path: Path) -> None:
    wheel = wheels.build(tmp_path)
    assert wheel.name.startswith(f"dcgan-{dcgan.__version__}-py3-none-any")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        [points] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "dcgan = dcgan.cli:app" in archive.read(points).decode()
        [facts] = [name for name in archive.namelist() if name.endswith("METADATA")]
        metadata = archive.read(facts).decode()
    kept = {
        path.relative_to(ROOT).as_posix()
        for package in ("dcgan", "training")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == kept
    assert {"dcgan/py.typed", "dcgan/ui/web/core/page.js", "dcgan/ui/web/locales/ko.json",
            "training/py.typed", "training/reports/run_report.html",
            "training/reports/report.ko.json"} <= held  # fmt: skip
    assert "License-Expression: MIT\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata


# --- which Python make takes


def make(folder: Path, pythons: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    """`make .venv/bin/python` where these are all the Pythons there are, with the shell scripts
    that they are."""
    bin = folder / "bin"
    bin.mkdir()
    for name in ("make", "sh", "touch"):
        (bin / name).symlink_to(shutil.which(name) or pytest.skip(f"{name} is not here"))
    for name, script in pythons.items():
        (bin / name).write_text(f"#!{bin / 'sh'}\n{script}\n")
        (bin / name).chmod(0o755)
    command = [bin / "make", "--no-print-directory", "-f", ROOT / "Makefile", ".venv/bin/python"]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder, env={"PATH": str(bin)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def python(name: str) -> str:
    """Answers the question whether it has venv, and says what else it is asked to do."""
    return f'if [ "$1" = -c ]; then echo {name}; else echo {name} "$@" > asked; fi'


ABSENT = "exit 127"  # a stand-in of pyenv's for a version that is not installed
WITHOUT_VENV = "exit 1"


@pytest.mark.parametrize(
    ("pythons", "takes"),
    [
        (("3.11", "3.12", "3.13"), "python3.11"),
        (("3.12", "3.13"), "python3.12"),
        (("3.13",), "python3.13"),
    ],
)
def test_make_takes_the_first_python_that_there_is(
    tmp_path: Path, pythons: tuple[str, ...], takes: str
) -> None:
    made = make(tmp_path, {f"python{v}": python(f"python{v}") for v in pythons})
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "asked").read_text() == f"{takes} -m venv .venv\n"


@pytest.mark.parametrize("broken", [ABSENT, WITHOUT_VENV])
def test_make_passes_over_a_python_that_can_not_make_an_environment(
    tmp_path: Path, broken: str
) -> None:
    made = make(tmp_path, {"python3.11": broken, "python3.12": python("python3.12")})
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "asked").read_text() == "python3.12 -m venv .venv\n"


def test_make_says_in_a_sentence_that_there_is_no_python(tmp_path: Path) -> None:
    made = make(tmp_path, {"python3.10": python("python3.10"), "python3.11": ABSENT})
    assert made.returncode == 2
    [line] = made.stderr.splitlines()
    assert re.search(r"there is no Python 3\.11 3\.12 3\.13 with venv here: install one", line)
    assert "make run PYTHON=/path/to/python" in line


def test_make_takes_the_python_that_it_is_given(tmp_path: Path) -> None:
    mine = {"mine": python("mine"), "python3.11": python("python3.11")}
    assert make(tmp_path, mine, "PYTHON=mine").returncode == 0
    assert (tmp_path / "asked").read_text() == "mine -m venv .venv\n"
