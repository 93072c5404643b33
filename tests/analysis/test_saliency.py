"""Guided backpropagation, against numpy alone; surveys, against D itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dcgan.analysis import saliency
from dcgan.analysis.saliency import (
    feature_responses,
    gradient_images,
    guided_gradients,
    random_discriminator,
    survey,
)
from dcgan.config import ModelConfig
from dcgan.models.checkpoint import CheckpointError, save
from dcgan.models.networks import LEAKY_RELU_SLOPE, Discriminator
from dcgan.rendering.engine import Model
from dcgan.tasks import run_to_end
from tests import tiny

CONFIG = ModelConfig(
    image_size=8,
    z_size=4,
    generator_widths=(4, 3),
    generator_kernels=(4, 4),
    generator_strides=(2, 2),
    discriminator_widths=(3, 5),
    discriminator_kernels=(4, 3),
    discriminator_strides=(2, 2),
)


def discriminator(config: ModelConfig = CONFIG, seed: int = 0) -> Discriminator:
    """With weights, statistics and shifts that make about half of the activations negative."""
    torch.manual_seed(seed)
    network = Discriminator(config)
    for convolution in network.convolutions:
        torch.nn.init.normal_(convolution.weight, std=0.3)  # pyright: ignore[reportArgumentType]  (a module list's items)
    for norm in network.norms[1:]:
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            torch.nn.init.normal_(tensor, std=0.5)  # pyright: ignore[reportArgumentType]  (a module list's items)
        torch.nn.init.uniform_(norm.running_var, 0.5, 2)  # pyright: ignore[reportArgumentType]  (a module list's items)
    return network.eval().requires_grad_(False)


def noise(count: int, seed: int = 1, config: ModelConfig = CONFIG) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = count, config.channels, config.image_size, config.image_size
    return torch.rand(shape, generator=generator) * 2 - 1


class Numpy:
    """The same network by loops over cells, forward and guided backward, in float64."""

    def __init__(self, network: Discriminator) -> None:
        self.layers = []
        config = network.config
        for i, (kernel, stride) in enumerate(
            zip(config.discriminator_kernels, config.discriminator_strides, strict=True)
        ):
            tensors = network.state_dict()
            weight = tensors[f"convolutions.{i}.weight"].double().numpy()
            scale, shift = np.ones(len(weight)), np.zeros(len(weight))
            if i:
                gain, bias, mean, variance = (
                    tensors[f"norms.{i}.{name}"].double().numpy()
                    for name in ("weight", "bias", "running_mean", "running_var")
                )
                scale = gain / np.sqrt(variance + config.norm_eps)
                shift = bias - mean * scale
            self.layers.append((weight, scale, shift, stride, (kernel - stride + 1) // 2))

    def forward(self, picture: np.ndarray) -> list[np.ndarray]:
        """What goes into each LeakyReLU."""
        h, before = picture.astype(np.float64), []
        for weight, scale, shift, stride, padding in self.layers:
            kernel, size = weight.shape[2], h.shape[1] // stride
            padded = np.pad(h, ((0, 0), (padding, padding), (padding, padding)))
            x = np.zeros((len(weight), size, size))
            for row in range(size):
                for column in range(size):
                    patch = padded[:, row * stride :, column * stride :][:, :kernel, :kernel]
                    x[:, row, column] = (weight * patch).sum((1, 2, 3)) * scale + shift
            before.append(x)
            h = np.where(x > 0, x, LEAKY_RELU_SLOPE * x)
        return before

    def guided(self, picture: np.ndarray, feature: int) -> np.ndarray:
        before = self.forward(picture)
        gradient = np.zeros_like(before[-1])
        place = np.unravel_index(before[-1][feature].argmax(), before[-1][feature].shape)
        gradient[(feature, *place)] = 1
        for layer in reversed(range(len(self.layers))):
            weight, scale, _, stride, padding = self.layers[layer]
            gradient = np.where((before[layer] > 0) & (gradient > 0), gradient, 0)
            size, kernel = gradient.shape[1], weight.shape[2]
            inputs = size * stride + 2 * padding
            below = np.zeros((weight.shape[1], inputs, inputs))
            for row in range(size):
                for column in range(size):
                    value = gradient[:, row, column] * scale
                    below[
                        :,
                        row * stride : row * stride + kernel,
                        column * stride : column * stride + kernel,
                    ] += np.tensordot(value, weight, 1)
            gradient = below[:, padding : inputs - padding, padding : inputs - padding]
        return gradient


def test_guided_gradients_equal_numpy() -> None:
    network, pictures = discriminator(), noise(5)
    by_hand, blocked = Numpy(network), 0
    for feature in range(5):
        found = guided_gradients(network, pictures, torch.full((5,), feature)).numpy()
        for picture, gradient in zip(pictures.numpy(), found, strict=True):
            expected = by_hand.guided(picture, feature)
            np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
            blocked += not expected.any()
    assert 0 < blocked < 25  # features that nothing speaks for, and others


def test_responses_equal_numpy_and_logits_equal_d() -> None:
    network, pictures = discriminator(), noise(20)
    logits, found = feature_responses(network, pictures)
    expected = [Numpy(network).forward(picture)[-1].max((1, 2)) for picture in pictures.numpy()]
    expected = np.where(np.array(expected) > 0, expected, LEAKY_RELU_SLOPE * np.array(expected))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(logits, network(pictures))


def test_where_nothing_is_negative_the_guided_gradient_is_the_gradient() -> None:
    network, pictures = discriminator(), noise(3).abs().requires_grad_()
    for tensor in network.state_dict().values():
        tensor.abs_()
    network.norms[1].running_mean.zero_()  # pyright: ignore[reportCallIssue]  (a module list's items)
    guided = guided_gradients(network, pictures, torch.tensor([0, 1, 2]))
    h = pictures
    for convolution, norm in zip(network.convolutions, network.norms, strict=True):
        h = norm(convolution(h))
    h[[0, 1, 2], [0, 1, 2]].flatten(1).max(1).values.sum().backward()
    torch.testing.assert_close(guided, pictures.grad)


def test_a_gradient_does_not_depend_on_the_rest_of_the_batch_and_leaves_d_as_it_was() -> None:
    network, pictures = discriminator(), noise(4)
    before = network(pictures)
    together = guided_gradients(network, pictures, torch.tensor([0, 1, 2, 3]))
    alone = guided_gradients(network, pictures[2:3], torch.tensor([2]))
    torch.testing.assert_close(together[2:3], alone)
    assert torch.equal(network(pictures), before)
    plain = pictures.clone().requires_grad_()
    network(plain).sum().backward()  # no hook has been left behind
    assert plain.grad is not None
    assert not torch.allclose(plain.grad, guided_gradients(network, pictures, torch.arange(4)))


def test_random_weights_are_the_papers_and_normalise_by_the_pictures() -> None:
    state = torch.get_rng_state()
    pictures, config = noise(128), dataclasses.replace(CONFIG, norm_eps=1e-9)
    network = run_to_end(random_discriminator(config, pictures, seed=3))
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's numbers are taken
    first, second = network.convolutions
    assert float(first.get_parameter("weight").std()) == pytest.approx(0.02, rel=0.2)
    with torch.no_grad():
        h = torch.nn.functional.leaky_relu(first(pictures), LEAKY_RELU_SLOPE)
        maps = network.norms[1](second(h))
    torch.testing.assert_close(maps.mean((0, 2, 3)), torch.zeros(5), atol=0.01, rtol=0)
    torch.testing.assert_close(maps.std((0, 2, 3)), torch.ones(5), atol=0.1, rtol=0)
    again = run_to_end(random_discriminator(config, pictures, seed=3))
    assert torch.equal(network(pictures), again(pictures))
    assert not torch.equal(
        network(pictures), run_to_end(random_discriminator(config, pictures))(pictures)
    )


def test_gradients_are_drawn_around_grey_each_scaled_by_itself() -> None:
    gradients = torch.zeros(3, 3, 8, 8)
    gradients[0, 0, 2, 3], gradients[0, 1, 2, 3] = 4.0, -4.0
    gradients[1] = gradients[0] / 1000
    pictures = gradient_images(gradients)
    assert pictures.shape == (3, 8, 8, 3)
    assert pictures[0, 2, 3].tolist() == [255, 1, 128]
    assert np.array_equal(pictures[0], pictures[1])
    assert (pictures[2] == 128).all()
    assert (
        gradient_images(gradients[:, :1])[0, 2, 3] == 255
    ).all()  # grey pictures get three channels


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saliency, "SURVEY_SAMPLES", 40)


@pytest.mark.usefixtures("few_samples")
@pytest.mark.parametrize(
    "config",
    [
        tiny.CONFIG,
        dataclasses.replace(tiny.CONFIG, classes=3, hidden_dense=6),
        dataclasses.replace(tiny.CONFIG, channels=1, output="sigmoid"),
    ],
    ids=["plain", "classes", "grey"],
)
def test_a_survey_finds_what_responds_most(tmp_path: Path, config: ModelConfig) -> None:
    model = Model("tiny", tiny.save(tmp_path, config))
    found = run_to_end(survey(model))
    assert run_to_end(survey(model)) is found  # it is made once
    assert found.logits.shape == (40,)
    label = found.specs[7].label
    for network in (found.trained, found.random):
        usual = found.usual[network]
        assert usual.shape == (40, 8)
        sought = found.top_samples(network, [5, 2])
        rows = usual[:, [5, 2]].argsort(dim=0, descending=True)[:6].T.flatten().tolist()
        assert sought.specs == [found.specs[row] for row in rows]
        assert sought.responses[6] == pytest.approx(float(usual[:, 2].max()))
        pictures, gradients = np.split(sought.pairs, 2, axis=1)
        assert (pictures == found.pictures[rows]).all()
        assert gradients.shape == (12, 16, 16, 3)
        assert gradients.std() > 0
    look = found.attribute(found.pictures[7], 4, label)
    assert look.logit == pytest.approx(float(found.logits[7]), abs=1e-5)
    assert look.usual[0] < look.usual[1] < look.usual[2]
    usual = found.usual[found.trained]
    assert look.trained.response == pytest.approx(float(usual[7, 4]), abs=1e-5)
    assert look.random.response == pytest.approx(float(found.usual[found.random][7, 4]), abs=1e-5)
    unusual = (usual[7] - usual.mean(0)) / usual.std(0)
    assert [seen.feature for seen in look.strongest] == unusual.argsort(descending=True)[
        :6
    ].tolist()
    (same,) = [seen for seen in look.strongest if seen.feature == 4] or [look.trained]
    assert (same.gradient == look.trained.gradient).all()


def test_without_d_there_is_no_survey(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path / "whole")
    generator_only = save(tmp_path / "stage", weights.generator(), None, tiny.CARD)
    with pytest.raises(CheckpointError, match="missing"):
        run_to_end(survey(Model("stage", generator_only)))
