"""generator.onnx: the generator as ONNX Runtime draws with it, here and in browsers.

It computes what networks.Generator computes. Its tensors are those of the checkpoint, in half
precision as they are stored, and stay in model.safetensors: the graph says where (ONNX's external
data), so that there is no second file of weights that could disagree with the first. ONNX Runtime
computes once, when it reads them, what does not change from picture to picture: float32 weights,
batch normalisation with its fixed statistics folded into the convolution before it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dcgan import checkpoint
from dcgan.checkpoint import Checkpoint
from dcgan.config import ModelConfig
from dcgan.graph import PICTURES, WEIGHTS_KEY, gain, maps, shapes

OPSET = 17
IR_VERSION = 8
TYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}


def graph(weights: Checkpoint) -> onnx.ModelProto:
    """Of a checkpoint's generator, whose tensors are the config's (`Checkpoint.tensors` checks)."""
    return _graph(weights, _stored(weights.folder / checkpoint.WEIGHTS), optional_gains=True)


def write(weights: Checkpoint) -> Path:
    """Writes generator.onnx beside a checkpoint's weights. Raises CheckpointError for bad ones."""
    _read(weights)
    path = weights.folder / checkpoint.GRAPH
    checkpoint.write_atomically(path, graph(weights).SerializeToString(deterministic=True))
    return path


def whole(weights: Checkpoint) -> bytes:
    """The graph with its tensors inside: one file, without the discriminator, for a browser.

    It has to be given all gains: onnxruntime-web knows no optional inputs. Raises CheckpointError
    for bad weights.
    """
    tensors = {name: numpy_helper.from_array(t, name) for name, t in _read(weights).items()}
    built = _graph(weights, tensors, optional_gains=False)
    return built.SerializeToString(deterministic=True)


def _read(weights: Checkpoint) -> dict[str, np.ndarray]:
    return weights.tensors(checkpoint.GENERATOR, shapes(weights.config))


def _graph(
    weights: Checkpoint, tensors: Mapping[str, TensorProto], optional_gains: bool
) -> onnx.ModelProto:
    built = _Builder(weights.config, tensors, optional_gains).model()
    built.metadata_props.add(key=WEIGHTS_KEY, value=weights.hash)
    return built


def _stored(path: Path) -> dict[str, TensorProto]:
    """The generator's tensors in a safetensors file, by their names, as external data."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    found = {}
    for full, entry in header.items():
        if full.startswith(checkpoint.GENERATOR):
            name = full.removeprefix(checkpoint.GENERATOR)
            start, end = entry["data_offsets"]
            found[name] = tensor = TensorProto(
                name=name,
                dims=entry["shape"],
                data_type=TYPES[entry["dtype"]],
                data_location=TensorProto.EXTERNAL,
            )
            place = {"location": path.name, "offset": 8 + length + start, "length": end - start}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=str(value))
    return found


class _Builder:
    def __init__(
        self, config: ModelConfig, tensors: Mapping[str, TensorProto], optional_gains: bool
    ) -> None:
        self.config, self.optional_gains = config, optional_gains
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = list(tensors.values())
        self.inputs = [_value("z", "N", config.z_size)]
        self.outputs = [_value(PICTURES, "N", config.channels, *[config.image_size] * 2)]
        if config.classes:
            self.inputs.append(_value("classes", "N", config.classes))

    def model(self) -> onnx.ModelProto:
        config = self.config
        x = self._with_classes("z")
        if config.hidden_dense:
            x = self._dense(x, "hidden.0.weight", *self._norm("hidden.1"))
            x = self._with_classes(self._node("Relu", x))
        x = self._project(x)
        for i in range(len(config.generator_widths)):
            x = self._layer(i, x)
        self._node("Tanh" if config.output == "tanh" else "Sigmoid", x, name=PICTURES)
        graph = helper.make_graph(
            self.nodes, "generator", self.inputs, self.outputs, self.constants
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)

    def _project(self, x: str) -> str:
        shape = self.config.layer_shapes[0]
        factor, bias = self._norm("norms.0")
        if self.config.first_layer != "dense":  # one statistic a map, not one a unit
            factor, bias = (self._repeat(v, shape[1] * shape[2]) for v in (factor, bias))
        x = self._dense(x, "project.weight", factor, bias)
        return self._node("Reshape", x, self._whole(-1, *shape))

    def _layer(self, i: int, x: str) -> str:
        """ReLU, gains, transposed convolution, normalisation where it is not the last."""
        config, number = self.config, i + 1
        x = self._node("Relu", x, name=maps(number))
        self.outputs.append(_value(x, "N", *config.layer_shapes[i]))
        x = self._with_classes(self._gained(x, number), config.layer_shapes[i][1:])
        filters = [self._single(f"convolutions.{i}.weight")]
        if number < len(config.generator_widths):
            factor, bias = self._norm(f"norms.{number}")
            filters = [self._node("Mul", filters[0], self._unsqueeze(factor, 0, 2, 3)), bias]
        kernel, stride = config.generator_kernels[i], config.generator_strides[i]
        padding = (kernel - stride + 1) // 2
        return self._node(
            "ConvTranspose", x, *filters,
            kernel_shape=[kernel] * 2, strides=[stride] * 2,
            pads=[padding] * 4, output_padding=[2 * padding + stride - kernel] * 2,
        )  # fmt: skip

    def _gained(self, x: str, number: int) -> str:
        width = self.config.generator_widths[number - 1]
        batch, high, wide = (f"{side}_{number}" for side in ("N", "H", "W"))
        self.inputs.append(_value(gain(number), batch, width, high, wide))
        if self.optional_gains:
            neutral = np.ones((1, width, 1, 1), np.float32)
            self.constants.append(numpy_helper.from_array(neutral, gain(number)))
        return self._node("Mul", x, gain(number))

    def _norm(self, name: str) -> tuple[str, str]:
        """Batch normalisation with fixed statistics as a factor and a bias."""
        gamma, beta, mean, variance = (
            self._single(f"{name}.{part}")
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        floor = self._constant(np.array(self.config.norm_eps, np.float32))
        deviation = self._node("Sqrt", self._node("Add", variance, floor))
        factor = self._node("Div", gamma, deviation)
        return factor, self._node("Sub", beta, self._node("Mul", mean, factor))

    def _dense(self, x: str, weight: str, factor: str, bias: str) -> str:
        scaled = self._node("Mul", self._single(weight), self._unsqueeze(factor, 1))
        return self._node("Gemm", x, scaled, bias, transB=1)

    def _with_classes(self, x: str, size: tuple[int, ...] = ()) -> str:
        if not self.config.classes:
            return x
        classes = "classes"
        if size:
            classes = self._unsqueeze(classes, 2, 3)
            classes = self._node("Expand", classes, self._whole(1, 1, *size))
        return self._node("Concat", x, classes, axis=1)

    def _repeat(self, v: str, times: int) -> str:
        """Each value of a vector that often in a row."""
        many = self._node("Expand", self._unsqueeze(v, 1), self._whole(1, times))
        return self._node("Reshape", many, self._whole(-1))

    def _single(self, name: str) -> str:
        """A tensor of the checkpoint in single precision."""
        return self._node("Cast", name, to=TensorProto.FLOAT)

    def _unsqueeze(self, x: str, *axes: int) -> str:
        return self._node("Unsqueeze", x, self._whole(*axes))

    def _whole(self, *numbers: int) -> str:
        return self._constant(np.array(numbers, np.int64))

    def _constant(self, value: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def _node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name


def _value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
