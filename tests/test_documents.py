"""The documents: links lead somewhere, commands exist, figures are the files', code runs."""

from __future__ import annotations

import fnmatch
import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

import dcgan.cli
import training.cli.app
from dcgan.models import checkpoint, hub
from dcgan.paths import REPOSITORY

DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
NOTEBOOK = DOCS / "explore.ipynb"
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *DOCS.glob("*.md")])
PROGRAMS: dict[str, typer.Typer] = {"dcgan": dcgan.cli.app, "training": training.cli.app.app}
ELSEWHERE = re.compile(r"[a-z]+:")


def text_of(path: Path) -> str:
    """Markdown, without the front matter of the Space's card."""
    text = path.read_text(encoding="utf-8")
    return text.split("---\n", 2)[2] if text.startswith("---\n") else text


def tokens(markdown: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        yield token
        yield from token.children or []


def links(markdown: str) -> list[str]:
    """Of links and images, those that lead to a file or a heading of this repository."""
    found = [token.attrs.get("href", token.attrs.get("src")) for token in tokens(markdown)]
    return [str(to) for to in found if to and not ELSEWHERE.match(str(to))]


def anchors(markdown: str) -> set[str]:
    """As GitHub names headings, and those that are named in HTML."""
    found = set(re.findall(r'<a name="([^"]+)"', markdown))
    parsed = list(tokens(markdown))
    for opening, inline in itertools.pairwise(parsed):
        if opening.type == "heading_open":
            said = "".join(
                part.content for part in inline.children or [] if part.type != "html_inline"
            )
            found.add(re.sub(r"[^\w\- ]", "", said.lower()).replace(" ", "-"))
    return found


def broken(path: Path, markdown: str) -> list[str]:
    found = []
    for link in links(markdown):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (
            anchor and anchor not in anchors(markdown if target == path else text_of(target))
        ):
            found.append(link)
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    assert broken(path, text_of(path)) == []


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    good = "[a](#one-thing) [b](API.md#command-line) ![c](page.png) [d](https://example.com/x)"
    bad = "[a](#two) [b](API.md#nothing) ![c](none.png) [d](../docs/none.md)"
    text = f"# One thing\n\n{good}\n\n| a |\n|---|\n| {bad} |\n"
    assert broken(DOCS / "index.md", text) == [
        "#two",
        "API.md#nothing",
        "none.png",
        "../docs/none.md",
    ]


def test_the_links_of_the_card_are_files_of_the_space() -> None:
    for link in links(text_of(README)):
        assert any(fnmatch.fnmatch(link, pattern) for pattern in hub.SPACE_FILES), link


def test_every_document_is_named_by_the_index() -> None:
    named = {link.partition("#")[0] for link in links(text_of(DOCS / "index.md"))}
    documents = {path.name for path in [*DOCS.glob("*.md"), *DOCS.glob("*.ipynb")]}
    assert documents - {"index.md"} <= named


MODULE = re.compile(r"(?<![\w*-])[\w/.-]*[\w-]\.(?:py|js|html|css)(?!\w)")
GENERATED = {"RESULTS.md", "RESULTS.ko.md", "RECIPES.md", "CHANGELOG.md"}
"""Written from docstrings, or about files of earlier times."""


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.name not in GENERATED], ids=lambda path: path.name
)
def test_every_module_that_is_named_exists(path: Path) -> None:
    folders = [REPOSITORY / name for name in ("dcgan", "training", "benchmarks", "tests")]
    there = {f"/{file.relative_to(REPOSITORY)}" for f in folders for file in f.rglob("*.*")}
    there |= {f"/{file.name}" for file in REPOSITORY.glob("*.*")}
    markdown = text_of(path).replace("\\", "")  # \_\_main\_\_.py
    named = {name.removeprefix("../") for name in MODULE.findall(markdown)}
    found = {name for name in named if not name.startswith("NAME")}
    assert {name for name in found if not any(file.endswith(f"/{name}") for file in there)} == set()


# --- commands


def commands(markdown: str) -> list[list[str]]:
    """What `python -m dcgan` and `python -m training` are given in blocks of code and in words."""
    fenced = (token.content for token in tokens(markdown) if token.type in ("fence", "code_inline"))
    lines = "\n".join(fenced).replace("\\\n", " ").splitlines()
    found = (re.search(r"python -m ((?:dcgan|training) [a-z][^|>#`]*)", line) for line in lines)
    return [shlex.split(match[1]) for match in found if match]


def unknown(words: list[str]) -> str | None:
    """The first sub-command or option that there is not."""
    program, *words = words
    command: Any = typer.main.get_command(PROGRAMS[program])
    while hasattr(command, "commands") and words:
        name, *words = words
        if name in ("COMMAND", "NAME"):  # stands for any of them
            return None
        if name not in command.commands:
            return name
        command = command.commands[name]
    options = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    given = [word.partition("=")[0] for word in words if word.startswith("--")]
    return next((option for option in given if option not in {*options, "--help"}), None)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_exists_with_its_options(path: Path) -> None:
    wrong = [words for words in commands(text_of(path)) if unknown(words)]
    assert wrong == []


def test_commands_are_found_and_wrong_ones_noticed() -> None:
    text = (
        "`python -m dcgan walk A --size 2`\n\n```sh\npython -m training train X \\\n --dta Y\n```\n"
    )
    good, bad = commands(text)
    assert (unknown(good), unknown(bad)) == (None, "--dta")
    assert unknown(["training", "run", "nothing"]) == "nothing"
    assert len([words for path in DOCUMENTS for words in commands(text_of(path))]) > 50


# --- figures


def row_of(link: str) -> str:
    (row,) = [line for line in text_of(README).splitlines() if line.startswith(f"| [{link}]")]
    return row


@pytest.mark.parametrize("path", sorted((REPOSITORY / "weights").glob("*/config.json")), ids=str)
def test_the_table_of_models_is_what_their_cards_say(path: Path) -> None:
    opened = checkpoint.load(path.parent)
    side, card = opened.config.image_size, opened.metadata
    cells = [cell.strip() for cell in row_of(path.parent.name).split("|")[3:-1]]
    kid = f"{card['kid']:.4f} (n = {card['kid_n']:,})"
    assert cells[:3] == [f"{side}x{side}", f"{card['images_seen']:,}", kid]


def test_the_shares_of_the_claims_are_those_of_the_results() -> None:
    """Every percentage is a number of docs/RESULTS.md, rounded."""
    text = text_of(README)
    table = text[text.index("| Claim |") : text.index("![Rooms")]
    results = {float(n) for n in re.findall(r"\d+\.?\d*", text_of(DOCS / "RESULTS.md"))}
    shares = re.findall(r"(\d+(?:\.(\d+))?)%", table)
    assert len(shares) > 20
    for share, digits in shares:
        assert any(f"{n:.{len(digits)}f}" == share for n in results), share


def test_the_figures_of_speed_are_those_of_the_benchmarks() -> None:
    """Each figure and its baseline, rounded as they stand in the table."""
    text = text_of(README)
    kept = json.loads((DOCS / "benchmarks.json").read_text(encoding="utf-8"))
    figures = {f["name"]: f for measured in kept.values() for f in measured["figures"]}
    for name, digits in {
        "train speed": 1, "drag rate": 1, "drag rate, in the browser": 1, "drag latency": 1,
        "drag latency, in the browser": 1, "crowd": 0, "crowd p95": 0, "start to first picture": 1,
    }.items():  # fmt: skip
        for value in (figures[name]["value"], figures[name]["peer"]):
            assert re.search(rf"(?<![\d.]){value:,.{digits}f}(?![\d.]\d)", text), (name, value)


def test_the_benchmarks_page_is_up_to_date() -> None:
    from benchmarks.__main__ import page

    kept = json.loads((DOCS / "benchmarks.json").read_text(encoding="utf-8"))
    written = (DOCS / "BENCHMARKS.md").read_text(encoding="utf-8")
    assert page(kept) == written, "run: python -m benchmarks --write"


def test_the_card_names_the_licences_of_code_and_weights() -> None:
    front = yaml.safe_load(README.read_text(encoding="utf-8").split("---\n", 2)[1])
    assert front["license"] == "other"
    assert front["license_name"] == "mit-code-noncommercial-weights"
    licence = (REPOSITORY / front["license_link"]).read_text(encoding="utf-8")
    assert licence.startswith("MIT License")
    assert "weights/ are not covered" in licence


def test_the_citation_is_of_the_paper() -> None:
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    (paper,) = cited["references"]
    assert paper["title"] in README.read_text(encoding="utf-8")
    assert f"## {cited['version']} " in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


# --- code


def test_python_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").symlink_to(REPOSITORY / "weights")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```", text_of(README), re.DOTALL | re.MULTILINE)
    exec(compile(code, "README.md", "exec"), {})
    assert {path.suffix for path in tmp_path.iterdir() if path.is_file()} == {".png", ".gif"}


RUN_CELLS = """
import ast, json, sys
from pathlib import Path

names = {}
for number, cell in enumerate(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]):
    if cell["cell_type"] == "code":
        *statements, last = ast.parse("".join(cell["source"])).body
        exec(compile(ast.Module(statements, []), f"cell {number}", "exec"), names)
        shown = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
        print(json.dumps(shown is None or shown._repr_png_() is not None))
print(names["steps"].max() < 3 * names["steps"].mean() and names["changes"].min() > 0)
before, after = names["pairs"][:8].astype(float), names["pairs"][8:]
print(abs(before - after).mean())
"""


def test_the_notebook_runs_cell_by_cell() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_CELLS, NOTEBOOK],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines.count("true") == len(cells("code"))
    assert "67 units of layer" in ran.stdout
    *_, claims, windows = lines
    assert claims == "True", "a walk jumps, or units change nothing"
    assert float(windows) > 5, "rooms look the same without their windows"


def test_the_notebook_is_one_without_outputs() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells("code"))
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    prose = "\n".join("".join(cell["source"]) for cell in cells("markdown"))
    assert broken(NOTEBOOK, prose) == []


def cells(kind: str) -> list[dict[str, Any]]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]
