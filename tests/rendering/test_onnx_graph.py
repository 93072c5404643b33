"""The graph draws what networks.Generator draws, whatever the network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from dcgan.config import IMAGENET32, MNIST, PAPER, SVHN, ModelConfig
from dcgan.latents.spec import Draw, Gain
from dcgan.models.checkpoint import Checkpoint
from dcgan.models.networks import Generator
from dcgan.models.tensor_shapes import generator_shapes
from dcgan.rendering import onnx_export
from dcgan.rendering.engine import Model
from tests import tiny

COUNT = 3


def thin(config: ModelConfig) -> ModelConfig:
    """The same network with few maps."""
    widths = tuple(range(9, 9 - len(config.generator_widths), -1))
    return dataclasses.replace(config, generator_widths=widths)


NETWORKS = {
    "paper": thin(PAPER),
    "svhn": thin(SVHN),
    "imagenet32": thin(IMAGENET32),
    "mnist": dataclasses.replace(thin(MNIST), hidden_dense=20),
    "4x4": dataclasses.replace(thin(PAPER), generator_kernels=(4,) * 4),
    "4x4, classes": dataclasses.replace(thin(PAPER), generator_kernels=(4,) * 4, classes=2),
    "stride 3": dataclasses.replace(
        thin(PAPER), image_size=48, generator_strides=(3, 1, 2, 2), generator_kernels=(7, 3, 4, 2)
    ),
}


@pytest.fixture(params=NETWORKS, scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("network")
    return Model("tiny", tiny.save(folder, NETWORKS[request.param]))


def reference(model: Model, gains: dict[int, torch.Tensor] | None = None) -> np.ndarray:
    specs = [model.sample(3, index) for index in range(COUNT)]
    z = torch.from_numpy(np.stack([model.z(spec) for spec in specs])).float()
    labels = torch.tensor([spec.label for spec in specs]) if model.config.classes else None
    with torch.inference_mode():
        return model.checkpoint.generator()(z, labels, gains).numpy()


def test_pictures_are_those_of_the_network(model: Model) -> None:
    drawn = model.draw([model.sample(3, index) for index in range(COUNT)])
    assert drawn.std() > 0.1, "the pictures are too flat to tell anything"
    np.testing.assert_allclose(drawn, reference(model), rtol=0, atol=1e-5)


def test_a_picture_is_the_same_alone_and_in_a_batch(model: Model) -> None:
    """By whichever way the graph takes for so many."""
    specs = [model.sample(3, index) for index in range(COUNT)]
    alone = np.concatenate([model.draw([spec]) for spec in specs])
    np.testing.assert_allclose(alone, model.draw(specs), rtol=0, atol=1e-5)


def test_gains_are_those_of_the_network(model: Model) -> None:
    """A picture without edits, one with a gain everywhere, one with a gain in a region."""
    layer = len(model.config.layer_shapes)
    maps, height, width = model.config.layer_shapes[-1]
    cells = np.zeros((height, width), bool)
    cells[: height // 2, 1:] = True
    everywhere = Gain(layer, 0.0, (0, 1))
    region = Gain(layer, 2.5, (2,), np.packbits(cells).tobytes())
    specs = [model.sample(3, index) for index in range(COUNT)]
    specs[1:] = [
        dataclasses.replace(spec, gains=(edit,))
        for spec, edit in zip(specs[1:], (everywhere, region), strict=True)
    ]
    factors = torch.ones(COUNT, maps, height, width)
    factors[1, :2] = 0
    factors[2, 2, torch.from_numpy(cells)] = 2.5
    expected = reference(model, {layer: factors})
    assert abs(expected - reference(model))[1:].max() > 1e-3
    np.testing.assert_allclose(model.draw(specs), expected, rtol=0, atol=1e-5)


def test_feature_maps_are_those_after_the_relu(model: Model) -> None:
    """Seen from outside: the network's own ReLU, caught on its way."""
    specs = [model.sample(3, index) for index in range(COUNT)]
    generator, caught = model.checkpoint.generator(), []
    for convolution in generator.convolutions:
        convolution.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    z = torch.from_numpy(np.stack([model.z(spec) for spec in specs])).float()
    labels = torch.tensor([spec.label for spec in specs]) if model.config.classes else None
    with torch.inference_mode():
        generator(z, labels)
    for layer, (maps, height, width) in enumerate(model.config.layer_shapes, start=1):
        found = model.activations(specs, layer)
        assert found.shape == (COUNT, maps, height, width)
        np.testing.assert_allclose(found, caught[layer - 1][:, :maps].numpy(), rtol=0, atol=1e-5)


def test_it_is_valid_onnx_and_names_the_network_s_tensors(model: Model) -> None:
    state = Generator(model.config).state_dict()
    assert generator_shapes(model.config) == {
        name: tuple(tensor.shape)
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    path = onnx_export.write_graph(model.checkpoint)
    onnx.checker.check_model(path, full_check=True)
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_outputs()[0].shape == ["N", model.config.channels,
        model.config.image_size, model.config.image_size]  # fmt: skip


def test_the_shipped_faces_are_drawn_within_1e_5_of_the_network() -> None:
    folder = Path(__file__).parents[2] / "weights" / "faces"
    config = ModelConfig.from_json((folder / "config.json").read_text())
    model = Model("faces", Checkpoint(folder, config))
    drawn = model.draw([model.spec(Draw(3, index)) for index in range(COUNT)])
    np.testing.assert_allclose(drawn, reference(model), rtol=0, atol=1e-5)
