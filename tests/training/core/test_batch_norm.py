"""Fixed statistics: the averages of those of the batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dcgan.config import ModelConfig
from dcgan.latents import operations
from dcgan.models.networks import Generator
from tests.training import small
from training.core.batch_norm import STATISTICS_SEED, fix_statistics

CONDITIONAL = ModelConfig(
    image_size=8,
    channels=1,
    z_size=4,
    prior="normal",
    generator_widths=(6, 4),
    generator_kernels=(3, 5),
    generator_strides=(1, 2),
    discriminator_widths=(4,),
    discriminator_kernels=(5,),
    discriminator_strides=(2,),
    first_layer="dense",
    hidden_dense=8,
    classes=3,
    output="sigmoid",
)


@pytest.mark.parametrize("config", [small.RECIPE.model, CONDITIONAL], ids=["plain", "conditional"])
def test_they_are_the_averages_over_batches(config: ModelConfig) -> None:
    torch.manual_seed(0)
    generator = Generator(config)
    inputs: dict[nn.Module, list[Tensor]] = {}
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            inputs[module] = []
            module.register_forward_pre_hook(lambda m, args: inputs[m].append(args[0].detach()))
    assert fix_statistics(generator, count=48, batch=16) is generator
    assert not generator.training

    assert len(inputs) == (2 if config is small.RECIPE.model else 3)
    for module, batches in inputs.items():
        assert len(batches) == 3
        axes = [axis for axis in range(batches[0].dim()) if axis != 1]
        means = [batch.mean(axes) for batch in batches]
        variances = [batch.var(axes, unbiased=True) for batch in batches]
        torch.testing.assert_close(module.running_mean, torch.stack(means).mean(0))
        torch.testing.assert_close(module.running_var, torch.stack(variances).mean(0))


def test_the_z_are_the_prior_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Generator(small.RECIPE.model)
    seen: list[Tensor] = []
    generator.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    fix_statistics(generator, count=20, batch=16)
    assert [len(z) for z in seen] == [16, 4]
    expected = operations.draw_latents(STATISTICS_SEED, 0, 20, 8, "uniform").astype(np.float32)
    np.testing.assert_array_equal(torch.cat(seen).numpy(), expected)


def test_one_z_gives_one_picture_then() -> None:
    torch.manual_seed(0)
    generator = fix_statistics(Generator(small.RECIPE.model), count=64)
    z = torch.randn(9, 8)
    torch.testing.assert_close(generator(z)[4:5], generator(z[4:5]), rtol=0, atol=1e-6)
