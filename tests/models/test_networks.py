"""Generator and Discriminator: the paper's and the authors' shapes, initial weights and gains."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import IMAGENET32, MNIST, PAPER, SVHN, ModelConfig
from dcgan.models import tensor_shapes
from dcgan.models.generator_layers import generator_layers
from dcgan.models.networks import Discriminator, Generator

torch.set_num_threads(1)  # small networks on shared cores

TINY = {
    "paper": dataclasses.replace(
        PAPER, generator_widths=(8, 6, 4, 2), discriminator_widths=(2, 4, 6, 8)
    ),
    "paper, 4x4": dataclasses.replace(
        PAPER,
        generator_widths=(8, 6, 4, 2),
        generator_kernels=(4, 4, 4, 4),
        discriminator_widths=(2, 4, 6, 8),
        discriminator_kernels=(4, 4, 4, 4),
    ),
    "svhn": dataclasses.replace(SVHN, generator_widths=(6, 4, 2), discriminator_widths=(2, 4, 6)),
    "imagenet32": dataclasses.replace(
        IMAGENET32, generator_widths=(6, 6, 4, 4, 2, 2), discriminator_widths=(2, 2, 4, 4, 6, 6)
    ),
    "mnist": dataclasses.replace(
        MNIST, generator_widths=(4, 2), discriminator_widths=(2, 4), hidden_dense=8
    ),
}
configs = pytest.mark.parametrize("config", TINY.values(), ids=TINY)


def networks(config: ModelConfig, seed: int = 0) -> tuple[Generator, Discriminator]:
    torch.manual_seed(seed)
    return Generator(config), Discriminator(config)


def inputs(config: ModelConfig, count: int) -> tuple[Tensor, Tensor | None]:
    """z's, and labels where the network has classes."""
    z = torch.randn(count, config.z_size, generator=torch.Generator().manual_seed(1))
    return z, torch.arange(count) % config.classes if config.classes else None


def settled(config: ModelConfig) -> Generator:
    """G in eval mode: with the statistics of its layers, maps that differ, and some contrast."""
    generator = networks(config)[0]
    nn.init.normal_(generator.convolutions[-1].get_parameter("weight"), 0, 0.5)
    for norm in generator.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, 0.0, 0.5)
            norm.momentum = None
    generator(*inputs(config, 32))
    return generator.eval().requires_grad_(False)


@configs
def test_shapes_and_ranges(config: ModelConfig) -> None:
    generator, discriminator = settled(config), networks(config)[1]
    z, labels = inputs(config, 5)
    pictures = generator(z, labels)
    assert pictures.shape == (5, config.channels, config.image_size, config.image_size)
    low = -1 if config.output == "tanh" else 0
    assert low <= pictures.min() < low + 0.2
    assert 0.9 < pictures.max() <= 1
    assert discriminator(pictures, labels).shape == (5,)


@configs
def test_the_shapes_of_tensors_are_known_without_the_networks(config: ModelConfig) -> None:
    known = generator_layers(config).tensors(), tensor_shapes.discriminator_shapes(config)
    for network, shapes in zip(networks(config), known, strict=True):
        assert shapes == {
            name: tuple(tensor.shape)
            for name, tensor in network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }


G_PAPER = {
    "project.weight": (16384, 100), "norms.0": 1024,
    "convolutions.0.weight": (1024, 512, 5, 5), "norms.1": 512,
    "convolutions.1.weight": (512, 256, 5, 5), "norms.2": 256,
    "convolutions.2.weight": (256, 128, 5, 5), "norms.3": 128,
    "convolutions.3.weight": (128, 3, 5, 5),
}  # fmt: skip
D_PAPER = {
    "convolutions.0.weight": (128, 3, 5, 5),
    "convolutions.1.weight": (256, 128, 5, 5), "norms.1": 256,
    "convolutions.2.weight": (512, 256, 5, 5), "norms.2": 512,
    "convolutions.3.weight": (1024, 512, 5, 5), "norms.3": 1024,
    "score.weight": (1, 16384),
}  # fmt: skip
G_SVHN = {
    "project.weight": (4096, 100), "norms.0": 4096,
    "convolutions.0.weight": (256, 128, 5, 5), "norms.1": 128,
    "convolutions.1.weight": (128, 64, 5, 5), "norms.2": 64,
    "convolutions.2.weight": (64, 3, 5, 5),
}  # fmt: skip
D_SVHN = {
    "convolutions.0.weight": (64, 3, 5, 5),
    "convolutions.1.weight": (128, 64, 5, 5), "norms.1": 128,
    "convolutions.2.weight": (256, 128, 5, 5), "norms.2": 256,
    "score.weight": (1, 4096),
}  # fmt: skip
G_IMAGENET32 = {
    "project.weight": (8192, 256), "norms.0": 8192,
    "convolutions.0.weight": (512, 512, 3, 3), "norms.1": 512,
    "convolutions.1.weight": (512, 256, 3, 3), "norms.2": 256,
    "convolutions.2.weight": (256, 256, 3, 3), "norms.3": 256,
    "convolutions.3.weight": (256, 128, 3, 3), "norms.4": 128,
    "convolutions.4.weight": (128, 128, 3, 3), "norms.5": 128,
    "convolutions.5.weight": (128, 3, 3, 3),
}  # fmt: skip
D_IMAGENET32 = {
    "convolutions.0.weight": (128, 3, 3, 3),
    "convolutions.1.weight": (128, 128, 3, 3), "norms.1": 128,
    "convolutions.2.weight": (256, 128, 3, 3), "norms.2": 256,
    "convolutions.3.weight": (256, 256, 3, 3), "norms.3": 256,
    "convolutions.4.weight": (512, 256, 3, 3), "norms.4": 512,
    "convolutions.5.weight": (512, 512, 3, 3), "norms.5": 512,
    "score.weight": (1, 8192),
}  # fmt: skip
G_MNIST = {
    "hidden.0.weight": (1024, 100 + 10), "hidden.1": 1024,
    "project.weight": (6272, 1024 + 10), "norms.0": 6272,
    "convolutions.0.weight": (128 + 10, 64, 5, 5), "norms.1": 64,
    "convolutions.1.weight": (64 + 10, 1, 5, 5),
}  # fmt: skip
D_MNIST = {
    "convolutions.0.weight": (64, 1 + 10, 5, 5),
    "convolutions.1.weight": (128, 64 + 10, 5, 5), "norms.1": 128,
    "hidden.0.weight": (1024, 6272 + 10), "hidden.1": 1024,
    "score.weight": (1, 1024 + 10),
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "generator", "discriminator"),
    [
        (PAPER, G_PAPER, D_PAPER),
        (SVHN, G_SVHN, D_SVHN),
        (IMAGENET32, G_IMAGENET32, D_IMAGENET32),
        (MNIST, G_MNIST, D_MNIST),
    ],
    ids=["paper", "svhn", "imagenet32", "mnist"],
)
def test_parameters_are_the_papers(
    config: ModelConfig, generator: dict[str, Any], discriminator: dict[str, Any]
) -> None:
    """All of them: so there is no other layer, and no normalisation of G's output or D's input.

    A number stands for a batch normalisation's gain and bias.
    """
    with torch.device("meta"):
        found = networks(config)
    for network, expected in zip(found, (generator, discriminator), strict=True):
        shapes = {
            part: shape
            for name, size in expected.items()
            for part, shape in (
                [(name, size)]
                if isinstance(size, tuple)
                else [(f"{name}.weight", (size,)), (f"{name}.bias", (size,))]
            )
        }
        assert {name: tuple(p.shape) for name, p in network.named_parameters()} == shapes


@pytest.mark.parametrize(("config", "count"), [(IMAGENET32, 28_672), (SVHN, 7_168)])
def test_pooled_to_4x4_the_discriminators_maps_are_the_papers_features(
    config: ModelConfig, count: int
) -> None:
    pooled: list[Tensor] = []
    with torch.device("meta"):
        discriminator = Discriminator(config)
        for convolution in discriminator.convolutions:
            convolution.register_forward_hook(
                lambda _module, _inputs, maps: pooled.append(F.adaptive_max_pool2d(maps, 4))
            )
        discriminator(torch.empty(2, 3, 32, 32))
    assert torch.cat([maps.flatten(1) for maps in pooled], dim=1).shape == (2, count)


def test_a_first_layer_is_a_transposed_convolution_of_a_1x1_input() -> None:
    generator = networks(TINY["paper"])[0]
    z, _ = inputs(generator.config, 3)
    weight = generator.project.weight
    expected = F.conv_transpose2d(z[:, :, None, None], weight.T.reshape(100, 8, 4, 4))
    torch.testing.assert_close(generator.project(z).view(3, 8, 4, 4), expected)


def test_weights_start_as_in_the_paper() -> None:
    for network in networks(dataclasses.replace(SVHN, classes=10, hidden_dense=1024)):
        for name, parameter in network.named_parameters():
            values = parameter.detach().flatten().numpy()
            if parameter.dim() > 1:
                assert stats.kstest(values[::7], stats.norm(0, 0.02).cdf).pvalue > 1e-3, name
            elif name.endswith("weight"):
                assert stats.kstest(values, stats.norm(1, 0.02).cdf).pvalue > 1e-3, name
            else:
                assert (values == 0).all(), name


@configs
def test_one_step_changes_every_parameter(config: ModelConfig) -> None:
    generator, discriminator = networks(config)
    z, labels = inputs(config, 8)
    before = [p.detach().clone() for n in (generator, discriminator) for p in n.parameters()]
    for network, sign in ((discriminator, 1), (generator, -1)):
        optimiser = torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999))
        loss = F.softplus(sign * discriminator(generator(z, labels), labels)).mean()
        loss.backward()
        optimiser.step()
    after = [p for n in (generator, discriminator) for p in n.parameters()]
    assert all((a != b).any() for a, b in zip(after, before, strict=True))


@configs
def test_a_picture_does_not_depend_on_its_batch(config: ModelConfig) -> None:
    generator = settled(config)
    z, labels = inputs(config, 7)
    together = generator(z, labels)
    assert together.std(0).mean() > 0.05
    for i in range(7):
        alone = generator(z[i : i + 1], labels if labels is None else labels[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=1e-5)


@configs
def test_a_gain_of_0_drops_a_map(config: ModelConfig) -> None:
    """The same as a next layer that does not look at the map."""
    z, labels = inputs(config, 3)
    for layer, (maps, _, _) in enumerate(config.layer_shapes, start=1):
        generator = settled(config)
        whole = generator(z, labels)
        gain = torch.ones(maps, 1, 1)
        assert torch.equal(generator(z, labels, {layer: gain}), whole)
        gain[1] = 0
        without = generator(z, labels, {layer: gain})
        assert (without - whole).abs().max() > 1e-3
        generator.convolutions[layer - 1].get_parameter("weight")[1] = 0
        torch.testing.assert_close(generator(z, labels), without, rtol=0, atol=1e-5)


def test_a_gain_above_1_strengthens_a_map() -> None:
    generator = settled(TINY["paper"])
    z, _ = inputs(generator.config, 3)
    gain = torch.ones(6, 1, 1)
    gain[2] = 2.5
    stronger = generator(z, gains={2: gain})
    generator.convolutions[1].get_parameter("weight")[2] *= 2.5
    torch.testing.assert_close(generator(z), stronger, rtol=0, atol=1e-5)


def test_a_gain_in_a_region_changes_the_picture_there() -> None:
    generator = settled(TINY["paper"])
    z, _ = inputs(generator.config, 3)
    gain = torch.ones(2, 32, 32)
    gain[:, 10, 20] = 0
    changed = (generator(z, gains={4: gain}) != generator(z)).any(1).any(0)
    rows, columns = changed.nonzero(as_tuple=True)
    # cell y of a 5x5 transposed convolution with stride 2 and padding 2 draws on 2 y - 2 .. 2 y + 2
    assert (rows.min(), rows.max()) == (18, 22)
    assert (columns.min(), columns.max()) == (38, 42)


def test_gains_can_differ_between_pictures_and_stand_in_several_layers() -> None:
    generator = settled(TINY["svhn"])
    z, _ = inputs(generator.config, 2)
    gains = {1: torch.rand(2, 6, 1, 1) * 3, 3: torch.rand(2, 2, 16, 16) * 3}
    together = generator(z, gains=gains)
    for i in range(2):
        alone = generator(z[i : i + 1], gains={layer: g[i] for layer, g in gains.items()})
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=1e-5)


def test_dropping_every_map_leaves_the_label() -> None:
    generator = settled(TINY["mnist"])
    z, _ = inputs(generator.config, 2)
    dropped = {1: torch.zeros(4, 1, 1)}
    a, b = generator(z, torch.tensor([3, 3]), dropped)
    c, _ = generator(z, torch.tensor([4, 4]), dropped)
    assert torch.equal(a, b)
    assert (a - c).abs().max() > 1e-3


@pytest.mark.parametrize("label", range(10))
def test_a_label_changes_pictures_and_scores(label: int) -> None:
    generator = settled(TINY["mnist"])
    discriminator = networks(generator.config)[1].eval()
    z, _ = inputs(generator.config, 1)
    mine, other = torch.tensor([label]), torch.tensor([(label + 1) % 10])
    assert not torch.equal(generator(z, mine), generator(z, other))
    picture = generator(z, mine)
    assert not torch.equal(discriminator(picture, mine), discriminator(picture, other))


@pytest.mark.parametrize(
    ("name", "labels", "says"),
    [
        ("mnist", None, "has 10 classes: give it a label for every picture"),
        ("svhn", torch.tensor([1, 2]), "has 0 classes: give it no labels"),
        ("mnist", torch.tensor([1, 2, 3]), r"expected 2 labels, got an array of shape \(3,\)"),
        ("mnist", torch.ones(2, 1).long(), r"expected 2 labels, got an array of shape \(2, 1\)"),
    ],
)
def test_labels_must_fit(name: str, labels: Tensor | None, says: str) -> None:
    generator, discriminator = networks(TINY[name])
    z, _ = inputs(TINY[name], 2)
    with pytest.raises(ValueError, match=says):
        generator(z, labels)
    side = TINY[name].image_size
    with pytest.raises(ValueError, match=says):
        discriminator(torch.zeros(2, TINY[name].channels, side, side), labels)
