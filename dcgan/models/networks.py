"""Generator and Discriminator (sections 3 and 4, figure 1).

Strided convolutions instead of pooling, batch normalisation everywhere but at G's output and D's
input, ReLU in G, LeakyReLU (slope 0.2) in D. Deviations from the authors' code: G's projection is
a linear layer whose output is reshaped, which equals their dense or transposed convolution; every
batch normalisation has a gain and a bias, also in the MNIST network, where theirs has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import ModelConfig
from dcgan.latents import operations
from dcgan.media import images
from dcgan.models.generator_layers import Dense, Norm, generator_layers

LEAKY_RELU_SLOPE = 0.2
INIT_STD = 0.02


class Generator(nn.Module):
    """z (N, z_size) -> pictures (N, channels, H, W) in [-1, 1] (tanh) or [0, 1] (sigmoid)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        layers, eps = generator_layers(config), config.norm_eps
        self.hidden: nn.Sequential | None = None
        if layers.hidden is not None:
            self.hidden = nn.Sequential(
                _linear(layers.hidden), _norm(layers.hidden.norm, eps), nn.ReLU()
            )
        self.project = _linear(layers.project)
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(
                layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.padding,
                output_padding=layer.output_padding, bias=False,
            )
            for layer in layers.convolutions
        )  # fmt: skip
        norms = [layers.project.norm, *(layer.norm for layer in layers.convolutions)]
        self.norms = nn.ModuleList(_norm(norm, eps) for norm in norms if norm is not None)
        _initialise(self)

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        gains: Mapping[int, Tensor] | None = None,
    ) -> Tensor:
        """labels: class numbers (N,), exactly where the network has classes.

        gains: layer (1 is the one next to z) -> factors that broadcast with its feature maps
        (N, C, H, W) after the ReLU; 0 drops a map (section 6.3.1).
        """
        one_hot = _one_hot(labels, len(z), self.config, z.dtype)
        h = _with_labels(z, one_hot)
        if self.hidden is not None:
            h = _with_labels(self.hidden(h), one_hot)
        h = self.project(h)
        shape = (len(z), *self.config.layer_shapes[0])
        if self.config.first_layer == "dense":
            h = self.norms[0](h).view(shape)
        else:
            h = self.norms[0](h.view(shape))
        for layer, convolution in enumerate(self.convolutions, start=1):
            h = F.relu(h)
            if gains is not None and layer in gains:
                h = h * gains[layer]
            h = convolution(_with_labels(h, one_hot))
            if layer < len(self.norms):
                h = self.norms[layer](h)
        return torch.tanh(h) if self.config.output == "tanh" else torch.sigmoid(h)

    def sample(self, count: int, seed: int = 0, batch_size: int = 128) -> np.ndarray:
        """Generate `count` images (count, H, W, 3) uint8 from the latents 0, 1, ... of a seed.

        The latents are those of the texts z(seed,0), z(seed,1), ...; the labels of a
        class-conditional network go through its classes. Normalises as the mode (`train`, `eval`)
        has it.
        """
        config = self.config
        z = operations.draw_latents(seed, 0, count, config.z_size, config.prior)
        labels = np.arange(count) % config.classes if config.classes else None
        return self.render(z, labels, batch_size)

    @torch.inference_mode()
    def render(
        self, z: np.ndarray, labels: np.ndarray | None = None, batch_size: int = 128
    ) -> np.ndarray:
        """Generate images (N, H, W, 3) uint8 from latents (N, z_size), a batch at a time.

        labels: class numbers (N,), exactly where the network has classes. Raises ValueError for
        latents of another shape.
        """
        if z.ndim != 2 or z.shape[1] != self.config.z_size:
            raise ValueError(
                f"latents must have the shape (N, {self.config.z_size}), not {z.shape}"
            )
        device = self.project.weight.device
        rendered = []
        for start in range(0, len(z), batch_size):
            part = torch.from_numpy(z[start : start + batch_size].astype(np.float32)).to(device)
            known = None
            if labels is not None:
                known = torch.from_numpy(labels[start : start + batch_size]).to(device)
            pixels = self(part, known).float().cpu().numpy()
            rendered.append(images.to_uint8(pixels, self.config.output))
        return np.concatenate(rendered)


class Discriminator(nn.Module):
    """Pictures (N, channels, H, W) in G's range -> logits (N,); sigmoid gives P(real)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.convolutions = nn.ModuleList()
        self.norms = nn.ModuleList()
        inputs, size = config.channels, config.image_size
        for i, (width, kernel, stride) in enumerate(
            zip(
                config.discriminator_widths,
                config.discriminator_kernels,
                config.discriminator_strides,
                strict=True,
            )
        ):
            self.convolutions.append(
                nn.Conv2d(
                    inputs + config.classes, width, kernel, stride, _same_padding(kernel, stride),
                    bias=False,
                )
            )  # fmt: skip
            self.norms.append(nn.BatchNorm2d(width, eps=config.norm_eps) if i else nn.Identity())
            inputs, size = width, size // stride
        flat = inputs * size * size + config.classes
        self.hidden: nn.Sequential | None = None
        if config.hidden_dense:
            self.hidden = nn.Sequential(
                nn.Linear(flat, config.hidden_dense, bias=False),
                nn.BatchNorm1d(config.hidden_dense, eps=config.norm_eps),
                nn.LeakyReLU(LEAKY_RELU_SLOPE),
            )
            flat = config.hidden_dense + config.classes
        self.score = nn.Linear(flat, 1, bias=False)
        _initialise(self)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        one_hot = _one_hot(labels, len(pictures), self.config, pictures.dtype)
        *_, maps = self.feature_maps(pictures, one_hot)
        h = _with_labels(maps.flatten(1), one_hot)
        if self.hidden is not None:
            h = _with_labels(self.hidden(h), one_hot)
        return self.score(h).squeeze(1)

    def feature_maps(self, pictures: Tensor, one_hot: Tensor | None = None) -> Iterator[Tensor]:
        """Feature maps (N, C, H, W) of each convolution after its LeakyReLU, next to the picture
        first. one_hot: the classes (N, classes), exactly where the network has some."""
        h = pictures
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            h = F.leaky_relu(norm(convolution(_with_labels(h, one_hot))), LEAKY_RELU_SLOPE)
            yield h


def _linear(layer: Dense) -> nn.Linear:
    return nn.Linear(layer.inputs, layer.outputs, bias=False)


def _norm(norm: Norm, eps: float) -> nn.BatchNorm1d | nn.BatchNorm2d:
    return (nn.BatchNorm2d if norm.per_map else nn.BatchNorm1d)(norm.features, eps=eps)


def _same_padding(kernel: int, stride: int) -> int:
    """Padding that makes a convolution divide the side by `stride`."""
    return (kernel - stride + 1) // 2


def _initialise(network: nn.Module) -> None:
    """Section 4: weights N(0, 0.02); from the authors' code: batch norm gains N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, INIT_STD)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, INIT_STD)


def _one_hot(
    labels: Tensor | None, count: int, config: ModelConfig, dtype: torch.dtype
) -> Tensor | None:
    if (labels is not None) != bool(config.classes):
        raise ValueError(
            f"this network has {config.classes} classes: give it "
            + ("a label for every picture" if config.classes else "no labels")
        )
    if labels is None:
        return None
    if labels.shape != (count,):
        raise ValueError(f"expected {count} labels, got an array of shape {tuple(labels.shape)}")
    return F.one_hot(labels, config.classes).to(dtype)


def _with_labels(h: Tensor, one_hot: Tensor | None) -> Tensor:
    """(N, C, ...) -> (N, C + classes, ...); unchanged without labels."""
    if one_hot is None:
        return h
    maps = cast(Tensor, one_hot.to(h.dtype))
    if h.dim() == 4:
        maps = maps[:, :, None, None].expand(-1, -1, *h.shape[2:])
    return torch.cat([h, maps], dim=1)
