"""Names and shapes of the tensors of other networks than the generator (generator_layers.py), as
they are stored: from a config, without torch."""

from __future__ import annotations

from collections.abc import Sequence

from dcgan.config import ModelConfig
from dcgan.models.generator_layers import Norm

NORM_STATISTICS = "running_mean", "running_var"
POOLED_SIDE = 4
"""Side of D's feature maps as a probe sees them."""

Shapes = dict[str, tuple[int, ...]]


def discriminator_shapes(config: ModelConfig) -> Shapes:
    """The discriminator's, as in networks.Discriminator."""
    found: Shapes = {}
    inputs, size = config.channels, config.image_size
    layers = zip(
        config.discriminator_widths,
        config.discriminator_kernels,
        config.discriminator_strides,
        strict=True,
    )
    for i, (width, kernel, stride) in enumerate(layers):
        found[f"convolutions.{i}.weight"] = (width, inputs + config.classes, kernel, kernel)
        if i:
            found |= dict(Norm(f"norms.{i}", width).tensors())
        inputs, size = width, size // stride
    flat = inputs * size * size + config.classes
    if config.hidden_dense:
        found["hidden.0.weight"] = (config.hidden_dense, flat)
        found |= dict(Norm("hidden.1", config.hidden_dense).tensors())
        flat = config.hidden_dense + config.classes
    found["score.weight"] = (1, flat)
    return found


def encoder_shapes(config: ModelConfig, widths: Sequence[int]) -> Shapes:
    """An encoder's, as in analysis/encoder.py. Raises ValueError for widths that it can't have."""
    side, rest = divmod(config.image_size, 2 ** len(widths))
    if rest or not widths:
        raise ValueError(
            f"a picture of {config.image_size} pixels can't be halved {len(widths)} times"
        )
    found: Shapes = {}
    for i, (inputs, outputs) in enumerate(
        zip((config.channels, *widths[:-1]), widths, strict=True)
    ):
        found[f"convolutions.{i}.weight"] = (outputs, inputs, 4, 4)
        found |= dict(Norm(f"norms.{i}", outputs).tensors())
    return {
        **found,
        "z.weight": (config.z_size, widths[-1] * side * side),
        "z.bias": (config.z_size,),
    }


def probe_shapes(config: ModelConfig, classes: int) -> Shapes:
    """A probe's, as in analysis/probe.py, with the statistics of D's normalisation."""
    length = feature_length(config)
    statistics = {
        name: shape
        for name, shape in discriminator_shapes(config).items()
        if name.endswith(NORM_STATISTICS)
    }
    return {
        "weights": (classes, length),
        "intercepts": (classes,),
        "usual": (length,),
        **statistics,
    }


def feature_length(config: ModelConfig) -> int:
    """How many numbers of D's features a picture gives."""
    return POOLED_SIDE * POOLED_SIDE * sum(config.discriminator_widths)
