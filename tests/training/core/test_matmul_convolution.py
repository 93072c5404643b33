"""Convolutions as matrix products: torch's own results, forwards and backwards."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from dcgan.models.networks import Discriminator, Generator
from tests.training import small
from training.core.matmul_convolution import MEDIUM_SIDE, use_matrix_products

KERNELS = [3, 4]
LAYERS = [nn.Conv2d, nn.ConvTranspose2d]
SIDES = [2, 4, 8, 16, 32]


def layer(kind: type[nn.Module], kernel: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return kind(3, 5, kernel, stride=2, padding=1, bias=False, **padded(kind, kernel))


def padded(kind: type[nn.Module], kernel: int) -> dict[str, int]:
    """What doubles a side where the kernel is odd."""
    return {"output_padding": kernel % 2} if kind is nn.ConvTranspose2d else {}


def passes(module: nn.Module, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Output, gradient of the input, gradient of the weight."""
    x = x.detach().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        y = module(x)
    torch.manual_seed(1)
    y.backward(torch.randn(y.shape, dtype=y.dtype))
    assert x.grad is not None
    weight = module.get_parameter("weight")
    assert weight.grad is not None
    return y, x.grad, weight.grad


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=["exact", "bf16"])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_equals_torch(
    kind: type[nn.Module],
    kernel: int,
    side: int,
    dtype: torch.dtype,
    memory_format: torch.memory_format,
) -> None:
    exact = dtype == torch.float64
    plain = layer(kind, kernel).to(torch.float64 if exact else torch.float32)
    faster = copy.deepcopy(plain)
    use_matrix_products(faster)
    assert type(faster) is not type(plain)
    x = torch.randn(2, 3, side, side, dtype=plain.get_parameter("weight").dtype)
    x = x.contiguous(memory_format=memory_format)
    for ours, theirs in zip(passes(faster, x, dtype), passes(plain, x, dtype), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        tolerance = 1e-12 if exact else 0.03
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("side", [4, 16])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_are_those_of_the_function(kind: type[nn.Module], kernel: int, side: int) -> None:
    options = padded(kind, kernel)
    module = kind(2, 2, kernel, stride=2, padding=1, bias=False, **options).double()
    use_matrix_products(module)
    side = side if kind is nn.Conv2d else side // 2
    x = torch.randn(1, 2, side, side, dtype=torch.float64, requires_grad=True)
    weight = module.get_parameter("weight").detach().requires_grad_()

    def function(x: Tensor, weight: Tensor) -> Tensor:
        return torch.func.functional_call(module, {"weight": weight}, (x,))

    assert torch.autograd.gradcheck(function, (x, weight))


def test_frozen_weights_get_no_gradient() -> None:
    module = layer(nn.Conv2d).requires_grad_(False)
    use_matrix_products(module)
    x = torch.randn(1, 3, 8, 8, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert module.get_parameter("weight").grad is None


def test_other_layers_stay_as_they_are() -> None:
    unpadded = nn.ConvTranspose2d(3, 5, 3, stride=2, padding=1)  # from side n to 2n - 1
    layers = [layer(nn.Conv2d, 5), layer(nn.ConvTranspose2d, 5), unpadded, nn.Linear(3, 5)]
    before = [type(module) for module in layers]
    use_matrix_products(nn.Sequential(*layers))
    assert [type(module) for module in layers] == before


def test_networks_keep_their_parameters() -> None:
    assert small.RECIPE.model.image_size <= MEDIUM_SIDE
    for network in Generator(small.RECIPE.model), Discriminator(small.RECIPE.model):
        before = {name: value.clone() for name, value in network.state_dict().items()}
        use_matrix_products(network)
        use_matrix_products(network)
        assert network.state_dict().keys() == before.keys()
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
