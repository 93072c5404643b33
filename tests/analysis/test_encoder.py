"""An encoder's files: written and read alike, and refused where they do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from dcgan.analysis import encoder
from dcgan.analysis.encoder import Encoder
from dcgan.models.checkpoint import CheckpointError
from tests import tiny


def made(seed: int = 0) -> Encoder:
    torch.manual_seed(seed)
    return Encoder(tiny.CONFIG, (4, 8)).eval()


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    assert encoder.load_encoder(weights) is None
    network = made()
    encoder.save_encoder(tmp_path, network, {"samples": 3})
    opened = encoder.load_encoder(weights)
    assert opened
    read, facts = opened
    assert facts == {"samples": 3}
    pictures = torch.rand(2, 3, 16, 16)
    found = read(pictures)
    assert found.shape == (2, tiny.CONFIG.z_size)
    torch.testing.assert_close(found, network(pictures), atol=5e-3, rtol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "it has version 2, not 1"),
        ({"weights": "00000000"}, "is of the weights 00000000"),
        ({"widths": "4, 8"}, "must list the widths"),
        ({"widths": [4, 0]}, "must list the widths"),
        ({"widths": [4, 8, 16]}, "does not hold the network"),
        ({"widths": [4] * 5}, "can't be halved 5 times"),
        ({"facts": None}, "must state facts"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    weights = tiny.save(tmp_path)
    encoder.save_encoder(tmp_path, made(), {})
    described = json.loads((tmp_path / "encoder.json").read_text())
    (tmp_path / "encoder.json").write_text(json.dumps({**described, **change}))
    with pytest.raises(CheckpointError, match=words):
        encoder.load_encoder(weights)


def test_broken_files_are_refused(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    encoder.save_encoder(tmp_path, made(), {})
    (tmp_path / "encoder.safetensors").write_bytes(b"of a part")
    with pytest.raises(CheckpointError, match=r"encoder\.safetensors can't be read"):
        encoder.load_encoder(weights)
    (tmp_path / "encoder.json").write_text("{")
    with pytest.raises(CheckpointError, match="not valid JSON"):
        encoder.load_encoder(weights)
