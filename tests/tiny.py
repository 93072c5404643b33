"""Tiny random checkpoints whose pictures nevertheless differ and fill the range of grey."""

from __future__ import annotations

from pathlib import Path

import torch

from dcgan.config import ModelConfig
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint
from dcgan.models.networks import Discriminator, Generator
from training.core.batch_norm import fix_statistics

CONFIG = ModelConfig(
    image_size=16,
    z_size=8,
    generator_widths=(8, 4),
    generator_kernels=(5, 5),
    generator_strides=(2, 2),
    discriminator_widths=(4, 8),
    discriminator_kernels=(5, 5),
    discriminator_strides=(2, 2),
)
CARD = "---\nlicense: mit\nimages_seen: 30000\n---\n# Tiny\n"


def save(folder: Path, config: ModelConfig = CONFIG, seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    generator = Generator(config)
    torch.nn.init.normal_(generator.convolutions[-1].weight, std=0.5)  # pyright: ignore[reportArgumentType]  (a module list's items)
    fix_statistics(generator, count=256)
    return checkpoint.save(folder, generator, Discriminator(config), CARD)
