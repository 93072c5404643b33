"""Checkpoints: what comes back, what is refused and why, and that old files survive."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from safetensors.torch import load_file
from torch import Tensor

from dcgan.models.checkpoint import (
    CARD,
    CONFIG,
    DIRECTIONS,
    WEIGHTS,
    CheckpointError,
    load,
    save,
    save_directions,
    write_atomically,
)
from dcgan.models.networks import Discriminator, Generator
from tests import tiny

ROOT = Path(__file__).parents[2]
CARD_TEXT = "---\nlicense: mit\nimages_seen: 1280\nkid: 0.0625\n---\n\n# Tiny\n\nDréi Zuelen.\n"


def networks(seed: int) -> tuple[Generator, Discriminator]:
    """In training mode, with statistics that are not the initial ones."""
    torch.manual_seed(seed)
    generator, discriminator = Generator(tiny.CONFIG), Discriminator(tiny.CONFIG)
    discriminator(generator(torch.randn(8, 8)))
    return generator, discriminator


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("saved"), *networks(0), CARD_TEXT).folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A checkpoint of its own for every test."""
    return shutil.copytree(saved, tmp_path / "tiny")


def edit(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the tensors of a checkpoint."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    (folder / WEIGHTS).write_bytes(safetensors.torch.save(tensors))


@contextmanager
def full_disk(free: int) -> Iterator[None]:
    """No file may grow beyond `free` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    originals = networks(0)
    saved = save(tmp_path / "a" / "tiny", *originals, CARD_TEXT)
    assert sorted(p.name for p in saved.folder.iterdir()) == sorted([CARD, CONFIG, WEIGHTS])

    found = load(str(tmp_path / "a" / "tiny"))
    assert found.config == saved.config == tiny.CONFIG
    assert found.card == CARD_TEXT
    assert found.metadata == {"license": "mit", "images_seen": 1280, "kid": 0.0625}
    assert found.hash == hashlib.sha256((saved.folder / WEIGHTS).read_bytes()).hexdigest()[:8]
    for original, network in zip(
        originals, (found.generator(), found.discriminator()), strict=True
    ):
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())
        tensors = network.state_dict()
        for name, before in original.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            assert tensors[name].dtype == torch.float32
            expected = before.half().float() if before.dim() > 1 else before
            assert torch.equal(tensors[name], expected), name


def test_the_loaded_networks_draw_and_score_like_the_saved_ones(folder: Path) -> None:
    generator, discriminator = (network.eval() for network in networks(0))
    found = load(folder)
    z = torch.randn(5, 8)
    pictures = generator(z)
    torch.testing.assert_close(found.generator()(z), pictures, rtol=0, atol=2**-11)
    torch.testing.assert_close(
        found.discriminator()(pictures), discriminator(pictures), rtol=0, atol=2**-11
    )


def test_weights_are_stored_in_half_precision_and_normalisation_is_not(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    weights = {name for name, t in tensors.items() if t.dim() > 1}
    assert {tensors[name].dtype for name in weights} == {torch.float16}
    assert {tensors[name].dtype for name in tensors.keys() - weights} == {torch.float32}
    assert {"generator.norms.0.running_var", "generator.norms.0.weight"} < tensors.keys() - weights
    assert len(weights) == 3 + 3


def test_the_weights_file_is_safetensors_to_the_last_byte(folder: Path) -> None:
    """A JSON header and the tensors it describes: there is no room for a pickle."""
    content = (folder / WEIGHTS).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    assert header.pop("__metadata__") == {"format": "pt"}
    ends = sorted(entry["data_offsets"] for entry in header.values())
    assert [a for a, _ in ends] == [0, *(b for _, b in ends[:-1])]
    assert start + ends[-1][1] == len(content)
    assert json.loads((folder / CONFIG).read_text())["version"] == 1


class Spy:
    """An opened safetensors file that notes which tensors are read."""

    def __init__(self, file: Any, read: list[str]) -> None:
        self.file, self.read = file, read

    def __enter__(self) -> Spy:
        self.file.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.file.__exit__(*error)

    def keys(self) -> list[str]:
        return self.file.keys()

    def get_slice(self, name: str) -> Any:
        return self.file.get_slice(name)

    def get_tensor(self, name: str) -> Tensor:
        self.read.append(name)
        return self.file.get_tensor(name)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_only_the_network_asked_for_is_read(
    folder: Path, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = safetensors.safe_open
    monkeypatch.setattr(safetensors, "safe_open", lambda *a, **k: Spy(real(*a, **k), read))
    opened = load(folder)
    assert not read
    getattr(opened, network)()
    names = {n for n in load_file(folder / WEIGHTS) if n.startswith(f"{network}.")}
    assert sorted(read) == sorted(names)


def test_a_broken_discriminator_does_not_keep_the_generator_from_loading(folder: Path) -> None:
    edit(folder, lambda tensors: tensors.pop("discriminator.score.weight"))
    load(folder).generator()
    with pytest.raises(CheckpointError, match=r"missing score.weight, .*\(in discriminator"):
        load(folder).discriminator()


def test_a_generator_alone_can_be_saved(tmp_path: Path) -> None:
    save(tmp_path, networks(0)[0], None, "")
    load(tmp_path).generator()
    with pytest.raises(CheckpointError, match=r"missing convolutions.0.weight, .*\(in discrim"):
        load(tmp_path).discriminator()


def test_opening_a_checkpoint_does_not_import_torch(folder: Path) -> None:
    code = (
        "import sys; from dcgan.models.checkpoint import load; c = load(sys.argv[1]); "
        "c.config, c.hash, c.directions, c.metadata; sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("name", "tensor", "says"),
    [
        ("generator.project.weight", (8, 128), "describes, generator.project.weight has "
         "shape (8, 128), not (128, 8): copy or download the checkpoint again"),
        ("generator.norms.1.running_var", (5,), "generator.norms.1.running_var has shape (5,)"),
        ("generator.norms.1.running_var", None, "missing norms.1.running_var, unexpected nothing"),
        ("generator.norms.9.weight", (4,), "missing nothing, unexpected norms.9.weight (in gen"),
        ("classifier.weight", (4,), "missing nothing, unexpected classifier.weight"),
    ],
    ids=["wrong shape", "wrong statistics", "missing", "extra", "stray"],
)  # fmt: skip
def test_tensors_must_be_exactly_the_configs(
    folder: Path, name: str, tensor: tuple[int, ...] | None, says: str
) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = torch.zeros(tensor)

    edit(folder, change)
    with pytest.raises(CheckpointError, match=re.escape(says)) as caught:
        load(folder).generator()
    assert str(folder / WEIGHTS) in str(caught.value)


def test_a_config_of_another_network_is_told_in_a_few_names(folder: Path) -> None:
    deeper = dataclasses.replace(
        tiny.CONFIG,
        image_size=64,
        generator_widths=(8, 4, 4, 4),
        generator_kernels=(5, 5, 5, 5),
        generator_strides=(2, 2, 2, 2),
    )
    (folder / CONFIG).write_text(deeper.to_json())
    with pytest.raises(CheckpointError, match=r"missing convolutions\.2\.weight, .*, \.\.\.,"):
        load(folder).generator()


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_refused_and_not_opened(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists(), "the bomb works"
    mark.unlink()
    (folder / WEIGHTS).write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(CheckpointError, match="can't be read as safetensors"):
        load(folder).generator()
    torch.save({"generator.project.weight": Bomb(mark)}, folder / WEIGHTS)
    with pytest.raises(CheckpointError, match="can't be read as safetensors"):
        load(folder).discriminator()
    assert not mark.exists()


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(folder: Path, kept: int) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:kept])
    with pytest.raises(
        CheckpointError, match=r"it is damaged or incomplete \(.*\): copy or download"
    ):
        load(folder).generator()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"version": 2}', "has version 2, this code reads version 1"),
        (b"{", "is not valid JSON"),
        (b"\xff", "can't decode byte 0xff"),
        (tiny.CONFIG.to_json().replace("tanh", "relu").encode(), "output must be one of tanh"),
    ],
    ids=["another version", "not JSON", "not UTF-8", "no network"],
)
def test_a_config_that_does_not_parse_is_refused(folder: Path, content: bytes, says: str) -> None:
    (folder / CONFIG).write_bytes(content)
    with pytest.raises(
        CheckpointError, match=f"^{re.escape(str(folder / CONFIG))} does not .*{says}"
    ):
        load(folder)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_folder_without_its_files_is_no_checkpoint(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"is not a checkpoint: it has no {name}"):
        load(folder)


@pytest.mark.parametrize("source", ["nowhere", "./no/where", "/no/where", "a/b/c"])
def test_a_name_that_is_neither_folder_nor_repository_is_refused(source: str) -> None:
    with pytest.raises(CheckpointError, match=f"there is no folder '{source}'; give a checkpoint"):
        load(source)


def test_a_repository_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    code = (
        "from dcgan.models.checkpoint import *\n"
        "try: load('a/b')\nexcept CheckpointError as e: print(e)"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", code]
    told = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert "'a/b' is neither a folder here nor a repository that could be had" in told.stdout


def test_a_checkpoint_needs_no_card(folder: Path) -> None:
    (folder / CARD).unlink()
    assert load(folder).card == ""
    assert load(folder).metadata == {}


@pytest.mark.parametrize("matter", ["a: [1", "- 1"])
def test_a_card_whose_front_matter_is_no_table_is_refused(folder: Path, matter: str) -> None:
    (folder / CARD).write_text(f"---\n{matter}\n---\n\n# Tiny\n")
    with pytest.raises(CheckpointError, match=r"README\.md has a front matter that is not a table"):
        _ = load(folder).metadata


def test_directions_come_back(folder: Path) -> None:
    assert load(folder).directions == {}
    directions = {"smile": [0.1] * 8, "turn": [0.0] * 7 + [-2.5]}
    save_directions(folder, directions)
    assert load(folder).directions == directions


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not a table of directions"),
        ("[[1, 2, 3, 4, 5, 6, 7, 8]]", "is not a table of directions"),
        ('{"smile": 1}', "is not a table of directions"),
        ('{"smile": [1, 2, 3, 4, 5, 6, 7, "much"]}', "is not a table of directions"),
        ('{"smile": [1, 2, 3, 4, 5, 6, 7, null]}', "is not a table of directions"),
        ('{"smile": [1, 2]}', "every direction must have 8 finite numbers, as z has"),
        ('{"smile": [1, 2, 3, 4, 5, 6, 7, NaN]}', "must have 8 finite numbers, as z has"),
    ],
)
def test_directions_that_are_none_are_refused(folder: Path, text: str, says: str) -> None:
    (folder / DIRECTIONS).write_text(text)
    with pytest.raises(CheckpointError, match=f"{DIRECTIONS}.*{says}"):
        _ = load(folder).directions


def test_saving_again_replaces_the_checkpoint(folder: Path) -> None:
    before = load(folder).hash
    after = save(folder, *networks(1), "another card")
    assert after.card == load(folder).card == "another card"
    assert load(folder).hash == after.hash != before


def test_a_write_that_fails_leaves_the_old_checkpoint(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with full_disk(free=1000), pytest.raises(OSError, match="File too large"):
        save(folder, *networks(1), "another card")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    load(folder).generator()


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    """A new file takes its name: the old one's content never changes."""
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"newer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"newer"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]
