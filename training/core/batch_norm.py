"""Fixed batch normalisation statistics for G.

With batch statistics the image of a latent depends on the rest of its batch, so that an explorer
needs fixed ones. They are estimated after training over many latents, as averages of the per-batch
means and variances.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.optim.swa_utils import update_bn

from dcgan.latents import operations
from dcgan.models.networks import Generator

STATISTICS_SAMPLES = 4096
STATISTICS_SEED = 2**53 - 1  # far from the seeds that the page uses by default


def fix_statistics(
    generator: Generator, count: int = STATISTICS_SAMPLES, batch: int = 128
) -> Generator:
    """Estimate the running statistics over `count` latents in place and return G in eval mode."""
    config = generator.config
    z = operations.draw_latents(STATISTICS_SEED, 0, count, config.z_size, config.prior).astype(
        np.float32
    )
    device = next(generator.parameters()).device
    inputs = torch.from_numpy(z).to(device).split(batch)
    if config.classes:
        labels = torch.arange(count, device=device) % config.classes
        model = _PairInput(generator)
        update_bn([[pair] for pair in zip(inputs, labels.split(batch), strict=True)], model)
    else:
        update_bn(inputs, generator)
    return generator.eval()


class _PairInput(torch.nn.Module):
    """Adapter that passes a pair (z, labels) to G: `update_bn` calls a module with one argument."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, pair: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return self.generator(*pair)
