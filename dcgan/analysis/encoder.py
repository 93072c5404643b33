"""An encoder: a guess of the z of a picture, for one G; kept beside it.

    encoder.json           {"version": 1, "weights": hash, "widths": [...], "facts": {...}}
    encoder.safetensors    its tensors, stored as a checkpoint's are

The paper has none. It only says where a search for a z (inversion.py) may start; `python -m
training encoder` makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import ModelConfig
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.network_files import encoder_files
from dcgan.models.networks import LEAKY_RELU_SLOPE
from dcgan.models.tensors import load_tensors, to_half_precision


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
    """Write an encoder into the folder of its checkpoint, each of its two files atomically.

    facts: how near it comes on held-out samples. Raises CheckpointError for a folder without a
    checkpoint.
    """
    from safetensors.torch import save

    weights = checkpoint.load(folder)
    tensors = save(to_half_precision("", encoder), metadata={"format": "pt"})
    files = encoder_files(weights.folder, weights.hash)
    files.write({"widths": encoder.widths, "facts": facts}, tensors)


def load_encoder(weights: Checkpoint) -> tuple[Encoder, dict[str, Any]] | None:
    """The encoder in eval mode, and its facts; None where the checkpoint has none.

    Raises CheckpointError for files that do not fit the checkpoint.
    """
    described = weights.encoder
    if described is None:
        return None
    files = encoder_files(weights.folder, weights.hash)
    network = load_tensors(Encoder(weights.config, described.widths), files.read)
    return network, described.facts
