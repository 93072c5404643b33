"""Convolutions of small maps as matrix products, for training on a CPU.

On maps of up to 8x8 oneDNN's bfloat16 convolutions run at a fifth of the speed of its matrix
products, and on maps of 16x16 its weight gradients at half. Those layers hold most of the weights.
The results are the same up to rounding; parameters, their names and their layout do not change.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.nn import functional as F

SMALL, MEDIUM = 8, 16
"""Up to these sides of a layer's larger map, all of it or its weight gradient is a product."""


def use_matrix_products(network: nn.Module) -> None:
    """Make every 4x4, stride 2 convolution of a network use matrix products, in place."""
    faster = {nn.Conv2d: _Conv2d, nn.ConvTranspose2d: _ConvTranspose2d}
    for module in network.modules():
        shape = [getattr(module, name, None) for name in ("kernel_size", "stride", "padding")]
        if type(module) in faster and shape == [(4, 4), (2, 2), (1, 1)]:
            module.__class__ = faster[type(module)]


class _Conv2d(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        if input.shape[2] > MEDIUM:
            return super().forward(input)
        return _Convolution.apply(input, self.weight)


class _ConvTranspose2d(nn.ConvTranspose2d):
    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if 2 * input.shape[2] > MEDIUM:
            return super().forward(input, output_size)
        return _Transposed.apply(input, self.weight)


class _Convolution(torch.autograd.Function):
    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolve(x, weight)

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        return (
            _spread(grads[0], weight) if ctx.needs_input_grad[0] else None,
            _correlate(x, grads[0]) if ctx.needs_input_grad[1] else None,
        )


class _Transposed(torch.autograd.Function):
    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _spread(x, weight)

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        return (
            _convolve(grads[0], weight) if ctx.needs_input_grad[0] else None,
            _correlate(grads[0], x) if ctx.needs_input_grad[1] else None,
        )


def _convolve(x: Tensor, weight: Tensor) -> Tensor:
    """x (N, C, 2H, 2W), weight (O, C, 4, 4) -> (N, O, H, W)."""
    if x.shape[2] > SMALL:
        return F.conv2d(x, weight, stride=2, padding=1)
    count, _, height, width = x.shape
    product = _windows(x) @ _channels_last(weight).flatten(1).T
    maps = _channels_first(product.view(count, height // 2, width // 2, -1))
    return maps.contiguous()  # the smallest maps lie beside a dense layer, which wants them so


def _spread(y: Tensor, weight: Tensor) -> Tensor:
    """The adjoint in x: y (N, O, H, W), weight (O, C, 4, 4) -> (N, C, 2H, 2W)."""
    if 2 * y.shape[2] > SMALL:
        return F.conv_transpose2d(y, weight, stride=2, padding=1)
    count, maps, height, width = y.shape
    product = _channels_last(y).reshape(-1, maps) @ _channels_last(weight).flatten(1)
    windows = product.view(count, height, width, 2, 2, 2, 2, -1)
    blocks = y.new_zeros(count, height + 1, 2, width + 1, 2, weight.shape[1])
    for i in (0, 1):  # a window is 2x2 blocks of 2x2; those at one place in it do not overlap
        for j in (0, 1):
            blocks[:, i : i + height, :, j : j + width] += windows[:, :, :, i, :, j].transpose(2, 3)
    padded = blocks.view(count, 2 * height + 2, 2 * width + 2, -1)
    return _channels_first(padded[:, 1:-1, 1:-1].contiguous())


def _correlate(x: Tensor, y: Tensor) -> Tensor:
    """The adjoint in the weight: x (N, C, 2H, 2W), y (N, O, H, W) -> (O, C, 4, 4)."""
    maps = y.shape[1]
    transposed = _channels_last(y).reshape(-1, maps).T.contiguous()  # twice as fast as a view
    return _channels_first((transposed @ _windows(x)).view(maps, 4, 4, -1))


def _windows(x: Tensor) -> Tensor:
    """(N, C, 2H, 2W) -> what the kernel sees at each of its places, (N H W, 4 4 C)."""
    padded = F.pad(_channels_last(x), (0, 0, 1, 1, 1, 1))
    return padded.unfold(1, 4, 2).unfold(2, 4, 2).movedim(3, -1).reshape(-1, 16 * x.shape[1])


def _channels_last(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H, W, C), contiguous where x's memory format is channels_last."""
    return x.permute(0, 2, 3, 1)


def _channels_first(x: Tensor) -> Tensor:
    """(N, H, W, C) -> (N, C, H, W)."""
    return x.permute(0, 3, 1, 2)
