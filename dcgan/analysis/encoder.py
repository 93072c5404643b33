"""An encoder: a guess of the z of a picture, for one G; kept beside it.

    encoder.json           {"version": 1, "weights": hash, "widths": [...], "facts": {...}}
    encoder.safetensors    its tensors, stored as a checkpoint's are

The paper has none. It only says where a search for a z (inversion.py) may start; `python -m
training encoder` makes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import ModelConfig
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.networks import LEAKY_RELU_SLOPE
from dcgan.models.side_files import read_side_file

VERSION = 1
RETRAIN_HINT = "train it again, with python -m training encoder"


class Encoder(nn.Module):
    """Pictures (N, channels, H, W) in G's range -> z's (N, z_size), unbounded.

    widths: maps after each halving of the side. Raises CheckpointError where a picture can't be
    halved so often.
    """

    def __init__(self, config: ModelConfig, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        side, rest = divmod(config.image_size, 2 ** len(self.widths))
        if rest or not self.widths:
            raise CheckpointError(
                f"a picture of {config.image_size} pixels can't be halved {len(self.widths)} times"
            )
        inputs = (config.channels, *self.widths[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 4, 2, 1, bias=False) for i, o in zip(inputs, self.widths, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in self.widths)
        self.z = nn.Linear(self.widths[-1] * side * side, config.z_size)

    def forward(self, pictures: Tensor) -> Tensor:
        h = pictures
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            h = F.leaky_relu(norm(convolution(h)), LEAKY_RELU_SLOPE)
        return self.z(h.flatten(1))


def save_encoder(folder: str | Path, encoder: Encoder, facts: dict[str, Any]) -> None:
    """Write an encoder into the folder of its checkpoint, each of the two files at once or not at
    all. facts: what it is worth. Raises CheckpointError for a folder without a checkpoint."""
    from safetensors.torch import save

    weights = checkpoint.load(folder)
    described = {"version": VERSION, "weights": weights.hash, "widths": encoder.widths}
    text = json.dumps({**described, "facts": facts}, indent=1) + "\n"
    tensors = save(checkpoint.to_half_precision("", encoder), metadata={"format": "pt"})
    checkpoint.write_atomically(_path(weights, "safetensors"), tensors)
    checkpoint.write_atomically(_path(weights, "json"), text.encode())


def load_encoder(weights: Checkpoint) -> tuple[Encoder, dict[str, Any]] | None:
    """The encoder in eval mode, and its facts; None where the checkpoint has none.

    Raises CheckpointError for files that do not fit the checkpoint.
    """
    path = _path(weights, "json")
    if not path.is_file():
        return None
    described = read_side_file(path, json.loads, "is not valid JSON")
    if not isinstance(described, dict) or described.get("version") != VERSION:
        raise CheckpointError(f"{path} is not an encoder of version {VERSION}: {RETRAIN_HINT}")
    if (of := described.get("weights")) != weights.hash:
        raise CheckpointError(
            f"{path} is of the weights {of}, not of {weights.hash}: {RETRAIN_HINT}"
        )
    widths, facts = described.get("widths"), described.get("facts")
    if not isinstance(widths, list) or not all(map(_is_width, widths)):
        raise CheckpointError(f"{path} must list the widths of its layers: {RETRAIN_HINT}")
    if not isinstance(facts, dict):
        raise CheckpointError(f"{path} must state facts: {RETRAIN_HINT}")
    encoder = Encoder(weights.config, widths)
    tensors = _path(weights, "safetensors")
    checkpoint.load_tensors(
        encoder, lambda shapes: checkpoint.read_tensors(tensors, path.name, shapes)
    )
    return encoder, facts


def _is_width(value: object) -> bool:
    return type(value) is int and 1 <= value <= 4096


def _path(weights: Checkpoint, kind: str) -> Path:
    return weights.folder / checkpoint.ENCODER.replace("*", kind)
