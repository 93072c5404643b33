"""Convolutions of small maps as matrix products, for training on a CPU.

On maps of up to 8x8 oneDNN's bfloat16 convolutions run at about a fifth of the speed of its matrix
products, and those layers hold most of the weights. A 4x4 kernel with stride 2 splits exactly into
2x2 blocks, so that gathering the inputs (im2col) and its adjoint are a few strided copies. The
result is the same up to rounding; parameters, their names and their layout do not change.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor, nn

LARGEST = 8
"""Side of the larger of a layer's two maps up to which the product is faster."""


def use_matrix_products(network: nn.Module) -> None:
    """Replace the forward pass of every 4x4, stride 2 convolution between small maps, in place."""
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            continue
        if (module.kernel_size, module.stride, module.padding) != ((4, 4), (2, 2), (1, 1)):
            continue
        fast = _convolve if isinstance(module, nn.Conv2d) else _convolve_transposed
        slow = module.forward
        module.forward = types.MethodType(_choose(fast, slow), module)


def _choose(fast: Any, slow: Any) -> Any:
    def forward(module: nn.Module, x: Tensor) -> Tensor:
        side = x.shape[2] if isinstance(module, nn.Conv2d) else 2 * x.shape[2]
        return fast(x, module.weight) if side <= LARGEST else slow(x)

    return forward


def _convolve(x: Tensor, weight: Tensor) -> Tensor:
    """(N, C, 2H, 2W), (O, C, 4, 4) -> (N, O, H, W)."""
    outputs, inputs = weight.shape[:2]
    count, _, height, width = x.shape
    # kernel row 2p + a, column 2q + b, in the order that _gather gives
    matrix = weight.view(outputs, inputs, 2, 2, 2, 2).permute(2, 4, 3, 5, 1, 0)
    rows = _Gather.apply(x) @ matrix.reshape(16 * inputs, outputs)
    return rows.view(count, height // 2, width // 2, outputs).permute(0, 3, 1, 2)


def _convolve_transposed(x: Tensor, weight: Tensor) -> Tensor:
    """(N, C, H, W), (C, O, 4, 4) -> (N, O, 2H, 2W)."""
    inputs, outputs = weight.shape[:2]
    count, _, height, width = x.shape
    matrix = weight.view(inputs, outputs, 2, 2, 2, 2).permute(0, 2, 4, 3, 5, 1)
    rows = x.permute(0, 2, 3, 1).reshape(-1, inputs) @ matrix.reshape(inputs, 16 * outputs)
    return _Scatter.apply(rows, (count, outputs, 2 * height, 2 * width))


def _gather(x: Tensor) -> Tensor:
    """(N, C, 2H, 2W) -> the 4x4 neighbourhoods that a kernel sees, (N H W, 2 2 2 2 C)."""
    count, maps, height, width = x.shape
    padded = x.new_zeros(count, height + 2, width + 2, maps)
    padded[:, 1:-1, 1:-1] = x.permute(0, 2, 3, 1)
    height, width = height // 2, width // 2
    blocks = padded.view(count, height + 1, 2, width + 1, 2, maps).transpose(2, 3)
    rows = x.new_empty(count, height, width, 2, 2, 2, 2, maps)
    for p in (0, 1):
        for q in (0, 1):
            rows[:, :, :, p, q] = blocks[:, p : p + height, q : q + width]
    return rows.view(count * height * width, 16 * maps)


def _scatter(rows: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    """The adjoint of `_gather`: sums the neighbourhoods into (N, C, 2H, 2W), channels last."""
    count, maps, height, width = shape
    height, width = height // 2, width // 2
    parts = rows.view(count, height, width, 2, 2, 2, 2, maps)
    padded = rows.new_zeros(count, 2 * height + 2, 2 * width + 2, maps)
    blocks = padded.view(count, height + 1, 2, width + 1, 2, maps).transpose(2, 3)
    for p in (0, 1):
        for q in (0, 1):
            blocks[:, p : p + height, q : q + width] += parts[:, :, :, p, q]
    return padded[:, 1:-1, 1:-1].contiguous().permute(0, 3, 1, 2)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return _gather(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _scatter(grads[0], ctx.shape)


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
        return _scatter(rows, shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _gather(grads[0]), None
