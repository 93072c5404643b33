"""Publishing and loading: the real client, as people run it, against a Hub on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from dcgan.cli import app
from dcgan.models import checkpoint
from dcgan.paths import REPOSITORY
from tests import hub_server, tiny
from tests.hub_server import Hub, Repository

LOAD = """
import sys
from dcgan.models.checkpoint import CheckpointError, load
for source in sys.argv[1:]:
    repo, _, revision = source.partition("@")
    try:
        print(load(repo, revision or None).folder)
    except CheckpointError as error:
        print(error)
"""
PUSH = """
import os, sys
from dcgan.models import hub
from dcgan.models.checkpoint import CheckpointError
for case in sys.argv[1:]:
    os.environ["HF_TOKEN"], repo, folder = case.split(" ", 2)
    try:
        print(hub.push_checkpoint(folder, repo))
    except (hub.HubError, CheckpointError) as error:
        print(type(error).__name__, error, sep=": ")
"""
TOKEN = "token-of-user"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Hub]:
    with hub_server.serve(tmp_path / "store") as server:
        yield server


class Person:
    """Someone at a computer of their own, with a token or without."""

    def __init__(self, server: Hub, home: Path, token: str | None) -> None:
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        self.environment |= {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        if token is not None:
            self.environment["HF_TOKEN"] = token

    def run(
        self, *arguments: object, folder: Path = REPOSITORY
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def script(self, text: str, *arguments: str) -> list[str]:
        """What it prints, line by line."""
        done = self.run("-c", text, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def push(self, *arguments: object, folder: Path = REPOSITORY) -> str:
        """What the command prints."""
        done = self.run("-m", "dcgan", "push", *arguments, folder=folder)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, *arguments: object, folder: Path = REPOSITORY) -> str:
        """The one sentence of a command that fails."""
        done = self.run("-m", "dcgan", "push", *arguments, folder=folder)
        assert done.returncode == 1, done
        [line] = done.stderr.splitlines()
        return line.removeprefix("Error: ")


@pytest.fixture
def user(server: Hub, tmp_path: Path) -> Person:
    return Person(server, tmp_path / "user", TOKEN)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A small repository: this one's package, a page and weights, and much that is no Space's."""
    clone = tmp_path / "clone"
    shutil.copytree(REPOSITORY / "dcgan", clone / "dcgan")
    tiny.save(clone / "weights" / "faces")
    tiny.save(clone / "weights" / "faces" / "seen-1k")
    (clone / "README.md").write_text("---\nsdk: gradio\n---\n# Faces\n")
    for name in (
        "app.py", "requirements.txt", "docs/grid.png", "weights/faces/units.json",
        "results/turn.json",
        "requirements-training.txt", "Makefile", "pyproject.toml", ".gitignore", ".git/config",
        ".venv/bin/python", "runs/faces/states/1/state.safetensors", "tests/test_api.py",
        "training/loop.py", "benchmarks/drag.py", ".cache/x", "samples.npy",
        "dcgan/__pycache__/spec.pyc", "dcgan/ui/__pycache__/page.pyc",
        "weights/faces/.config.json.x", "token.txt",
    ):  # fmt: skip
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("-")
    return clone


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(map(torch.equal, a.state_dict().values(), b.state_dict().values()))


@pytest.mark.parametrize("transport", ["xet", "lfs"])
def test_load_gives_back_what_push_sent(
    server: Hub, user: Person, tmp_path: Path, transport: str
) -> None:
    if transport == "lfs":
        user.environment["HF_HUB_DISABLE_XET"] = "1"
    original = tiny.save(tmp_path / "faces")
    checkpoint.save_directions(original.folder, {"smile": [0.5] * 8})
    tiny.save(original.folder / "seen-1k", seed=1)
    for name in ("grid.png", "seen-1k/grid.png", "samples.npy", ".part"):
        (original.folder / name).write_bytes(b"-")

    assert user.push(original.folder, "user/faces") == f"{server.url}/user/faces"

    repository = server.repositories["models/user/faces"]
    sent = {"README.md", "config.json", "directions.json", "grid.png", "model.safetensors"}
    assert repository.files.keys() == sent
    assert not repository.private
    assert repository.messages == [f"Weights {original.hash}"]
    assert (repository.files["model.safetensors"].xet is not None) == (transport == "xet")

    [folder] = user.script(LOAD, "user/faces")
    loaded = checkpoint.load(folder)
    assert loaded.folder != original.folder
    assert (loaded.hash, loaded.config) == (original.hash, original.config)
    assert (loaded.directions, loaded.card) == (original.directions, original.card)
    assert equal(loaded.generator(), original.generator())
    assert equal(loaded.discriminator(), original.discriminator())


def test_a_revision_is_what_was_there_then(server: Hub, user: Person, tmp_path: Path) -> None:
    first, second = tiny.save(tmp_path / "first"), tiny.save(tmp_path / "second", seed=1)
    checkpoint.save_directions(first.folder, {"smile": [0.5] * 8})
    user.script(PUSH, *(f"{TOKEN} user/faces {pushed.folder}" for pushed in (first, second)))

    then = next(iter(server.repositories["models/user/faces"].commits))
    *folders, unknown = user.script(LOAD, "user/faces", f"user/faces@{then}", "user/faces@v9")

    newest, older = map(checkpoint.load, folders)
    assert newest.hash == second.hash
    assert newest.directions == {}, "the first one's do not fit the second's weights"
    assert older.hash == first.hash
    assert older.directions == first.directions
    assert "'user/faces' is neither a folder here nor" in unknown
    assert "Revision" in unknown


def test_what_is_private_is_not_there_for_others(server: Hub, user: Person, tmp_path: Path) -> None:
    user.push(tiny.save(tmp_path / "faces").folder, "user/faces", "--private")
    assert server.repositories["models/user/faces"].private
    [folder] = user.script(LOAD, "user/faces")
    assert checkpoint.load(folder).config == tiny.CONFIG
    for name, token in (("other", "token-of-other"), ("nobody", None)):
        person = Person(server, tmp_path / name, token)
        private, missing = person.script(LOAD, "user/faces", "user/nothing")
        assert missing.startswith("'user/nothing' is neither a folder here nor a repository that")
        assert private == missing.replace("nothing", "faces")


def test_what_is_public_does_not_become_private(server: Hub, user: Person, clone: Path) -> None:
    server.repositories["spaces/user/dcgan"] = known = Repository(private=False, sdk="gradio")
    refused = user.refused("--space", "user/dcgan", "--private", folder=clone)
    assert "user/dcgan is there already and public" in refused
    assert known.commits == {}


def test_what_is_no_checkpoint_is_refused_before_anything_is_sent(
    server: Hub, user: Person, tmp_path: Path
) -> None:
    empty, short, other = (tmp_path / name for name in ("empty", "short", "other"))
    empty.mkdir()
    tiny.save(short)
    weights = short / checkpoint.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    tiny.save(other)
    config = replace(tiny.CONFIG, generator_widths=(8, 6))
    (other / checkpoint.CONFIG).write_text(config.to_json())

    refused = user.script(PUSH, *(f"{TOKEN} user/faces {f}" for f in (empty, short, other)))

    says = "it has no config.json", "can't be read as safetensors", "has shape"
    for line, part in zip(refused, says, strict=True):
        assert line.startswith(("CheckpointError: ", "SideFileError: "))
        assert part in line
    assert not [asked for asked in server.requests if "/repos/" in asked or "/user/" in asked]


def test_a_refusal_is_a_sentence(server: Hub, user: Person, tmp_path: Path) -> None:
    good, bad = tiny.save(tmp_path / "good").folder, tiny.save(tmp_path / "bad").folder
    (bad / checkpoint.CARD).write_text("---\nlicense: mit\n")
    cases = {
        f"a-wrong-one user/faces {good}": "401, Invalid credentials in Authorization header): ",
        f"token-of-other user/faces {good}": "403, You don't have the rights to create a model",
        f"{TOKEN} user/fa..ces {good}": "Cannot have -- or .. in repo_id",
        f"{TOKEN} faces {good}": "'faces' is not the name of a repository",
        f"{TOKEN} user/faces {bad}": "the front matter is not closed",
    }
    for line, says in zip(user.script(PUSH, *cases), cases.values(), strict=True):
        assert line.startswith("HubError: ")
        assert says in line
    assert server.repositories["models/user/faces"].commits == {}


def test_without_a_token_nothing_is_sent(server: Hub, clone: Path) -> None:
    nobody = Person(server, clone / "home", None)
    refused = nobody.refused("--space", "user/dcgan", folder=clone)
    assert refused.startswith("there is no token for the Hub: run `hf auth login`")
    assert not [asked for asked in server.requests if "/repos/" in asked or "/user/" in asked]


def test_a_hub_that_can_not_be_reached_is_a_sentence(user: Person, clone: Path) -> None:
    user.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"  # the discard port: nobody listens
    refused = user.refused("--space", "user/dcgan", folder=clone)
    assert "push again when the Hub at http://127.0.0.1:9 can be reached" in refused
    [refused] = user.script(LOAD, "user/faces")
    assert refused.startswith("'user/faces' is neither a folder here nor a repository that")


def test_a_page_is_opened_over_what_was_pushed(server: Hub, user: Person, tmp_path: Path) -> None:
    original = tiny.save(tmp_path / "faces")
    user.push(original.folder, "user/My_Faces")
    code = (
        "import sys\n"
        "from dcgan.rendering.engine import Engine\n"
        "from dcgan.ui.launch import find_checkpoints\n"
        "for model in Engine(find_checkpoints(sys.argv[1:])).models.values():\n"
        "    print(model.sample(1))"
    )
    assert user.script(code, "user/My_Faces") == [f"v1:my_faces@{original.hash}:z(1,0)"]


def test_a_space_gets_the_page_and_nothing_else(server: Hub, user: Person, clone: Path) -> None:
    done = user.push("--space", "user/dcgan", folder=clone)
    assert done == f"{server.url}/spaces/user/dcgan"

    space = server.repositories["spaces/user/dcgan"]
    assert space.sdk == "gradio"
    assert not space.private
    package = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "dcgan").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "dcgan/ui/serving/http.py" in package
    weights = {"config.json", "model.safetensors", "README.md"}
    assert space.files.keys() == {
        "app.py", "README.md", "requirements.txt", "docs/grid.png", "results/turn.json", *package,
        "weights/faces/units.json", *(f"weights/faces/{name}" for name in weights),
        *(f"weights/faces/seen-1k/{name}" for name in weights),
    }  # fmt: skip

    (clone / "docs" / "grid.png").unlink()
    (clone / "app.py").write_text("print()")
    user.push("--space", "user/dcgan", "--message", "Say more", folder=clone)
    assert space.messages == ["Page and weights", "Say more"]
    before, after = space.commits.values()
    assert before.keys() - after.keys() == {"docs/grid.png"}
    assert {path for path in after if after[path] != before[path]} == {"app.py"}
    assert after["app.py"].content == b"print()"

    [copy] = user.script(
        "from huggingface_hub import snapshot_download as load\n"
        "print(load('user/dcgan', repo_type='space'))"
    )
    for path in after:
        assert Path(copy, path).read_bytes() == (clone / path).read_bytes()


def test_a_space_without_a_page_is_refused(server: Hub, user: Person, clone: Path) -> None:
    (clone / "requirements.txt").unlink()
    assert "has no requirements.txt" in user.refused("--space", "user/dcgan", folder=clone)
    (clone / "app.py").unlink()
    says = user.refused("--space", "user/dcgan", folder=clone)
    assert says.startswith("pushing a Space needs a clone of the repository, and this dcgan is")
    assert server.repositories == {}


@pytest.mark.parametrize("arguments", ["", "weights/faces", "weights/faces user/a --space user/b"])
def test_push_wants_a_checkpoint_or_the_space(arguments: str) -> None:
    done = CliRunner().invoke(app, f"push {arguments}")
    assert done.exit_code == 2
    assert "give CHECKPOINT USER/REPO, or --space USER/REPO" in done.stderr
