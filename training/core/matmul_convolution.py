"""Convolutions of small feature maps as matrix products, for training on a CPU.

On maps of up to 8x8, oneDNN's bfloat16 convolutions run at a fifth of the speed of its matrix
products; on maps of 16x16, its weight gradients run at half. These layers hold most of the weights.
The results are equal up to rounding; names, shapes and layout of the parameters do not change.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.nn import functional as F

SMALL_SIDE, MEDIUM_SIDE = 8, 16
"""Largest side of a layer's larger map up to which the whole layer (SMALL_SIDE) or only its weight
gradient (MEDIUM_SIDE) is computed as a matrix product."""
KERNELS = 3, 4
"""Kernel sizes that are replaced."""


def use_matrix_products(network: nn.Module) -> None:
    """Switch a network's 3x3 and 4x4 convolutions of stride 2 to matrix products, in place.

    Modules change their class, so that parameters and state dicts stay as they are.
    """
    faster = {nn.Conv2d: _Conv2d, nn.ConvTranspose2d: _ConvTranspose2d}
    for module in network.modules():
        if type(module) in faster and any(_has_shape(module, kernel) for kernel in KERNELS):
            module.__class__ = faster[type(module)]


def _has_shape(module: nn.Module, kernel: int) -> bool:
    """Return whether a convolution with this kernel size maps side 2n to n, or n to 2n."""
    odd = kernel % 2 if type(module) is nn.ConvTranspose2d else 0
    shape = {"kernel_size": kernel, "stride": 2, "padding": 1, "output_padding": odd}
    return all(getattr(module, name) == (size, size) for name, size in shape.items())


class _Conv2d(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        if input.shape[2] > MEDIUM_SIDE:
            return super().forward(input)
        return _ConvFunction.apply(input, self.weight)


class _ConvTranspose2d(nn.ConvTranspose2d):
    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if 2 * input.shape[2] > MEDIUM_SIDE:
            return super().forward(input, output_size)
        return _ConvTransposeFunction.apply(input, self.weight)


class _ConvFunction(torch.autograd.Function):
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
            _convolve_transposed(grads[0], weight) if ctx.needs_input_grad[0] else None,
            _weight_gradient(x, grads[0], weight.shape[-1]) if ctx.needs_input_grad[1] else None,
        )


class _ConvTransposeFunction(torch.autograd.Function):
    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolve_transposed(x, weight)

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        return (
            _convolve(grads[0], weight) if ctx.needs_input_grad[0] else None,
            _weight_gradient(grads[0], x, weight.shape[-1]) if ctx.needs_input_grad[1] else None,
        )


def _convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve with stride 2: x (N, C, 2H, 2W), weight (O, C, K, K) -> (N, O, H, W)."""
    if x.shape[2] > SMALL_SIDE:
        return F.conv2d(x, weight, stride=2, padding=1)
    count, _, height, width = x.shape
    product = _unfold(x, weight.shape[-1]) @ _channels_last(weight).flatten(1).T
    maps = _channels_first(product.view(count, height // 2, width // 2, -1))
    return maps.contiguous()  # the dense layer next to the smallest maps flattens NCHW


def _convolve_transposed(y: Tensor, weight: Tensor) -> Tensor:
    """Adjoint of `_convolve` in x: y (N, O, H, W), weight (O, C, K, K) -> (N, C, 2H, 2W).

    The product gives a K x K window per position. Windows overlap, so that they are added into the
    output one kernel element at a time; the output is viewed as 2x2 blocks to turn the stride into
    plain slices.
    """
    kernel = weight.shape[-1]
    if 2 * y.shape[2] > SMALL_SIDE:
        return F.conv_transpose2d(y, weight, stride=2, padding=1, output_padding=4 - kernel)
    count, maps, height, width = y.shape
    product = _channels_last(y).reshape(-1, maps) @ _channels_last(weight).flatten(1)
    windows = product.view(count, height, width, kernel, kernel, -1)
    blocks = y.new_zeros(count, height + 1, 2, width + 1, 2, weight.shape[1])
    for i, j in itertools.product(range(kernel), repeat=2):  # one element's targets do not overlap
        rows, columns = slice(i // 2, i // 2 + height), slice(j // 2, j // 2 + width)
        blocks[:, rows, i % 2, columns, j % 2] += windows[:, :, :, i, j]
    padded = blocks.view(count, 2 * height + 2, 2 * width + 2, -1)
    return _channels_first(padded[:, 1:-1, 1:-1].contiguous())


def _weight_gradient(x: Tensor, y: Tensor, kernel: int) -> Tensor:
    """Adjoint of `_convolve` in the weight: x (N, C, 2H, 2W), y (N, O, H, W) -> (O, C, K, K)."""
    maps = y.shape[1]
    transposed = _channels_last(y).reshape(-1, maps).T.contiguous()  # twice as fast as a view here
    return _channels_first((transposed @ _unfold(x, kernel)).view(maps, kernel, kernel, -1))


def _unfold(x: Tensor, kernel: int) -> Tensor:
    """Extract the kernel's input windows (im2col): (N, C, 2H, 2W) -> (N H W, K K C)."""
    padded = F.pad(_channels_last(x), (0, 0, 1, 1, 1, 1))
    windows = padded.unfold(1, kernel, 2).unfold(2, kernel, 2)
    return windows.movedim(3, -1).reshape(-1, kernel * kernel * x.shape[1])


def _channels_last(x: Tensor) -> Tensor:
    """View (N, C, H, W) as (N, H, W, C); contiguous if x has memory format channels_last."""
    return x.permute(0, 2, 3, 1)


def _channels_first(x: Tensor) -> Tensor:
    """View (N, H, W, C) as (N, C, H, W)."""
    return x.permute(0, 3, 1, 2)
