"""The generator as an ONNX graph: pictures are drawn with it, by ONNX Runtime.

It computes what networks.Generator computes, with two rewritings that leave the sums as they are:
batch normalisation with its fixed statistics is folded into the weights before it, and a
transposed convolution of stride s becomes s * s convolutions, one for each place that an output
pixel can have within its s x s cell, whose outputs are interleaved.

Inputs: z (N, z_size); classes (N, classes), one-hot, where the network has classes; gain_1,
gain_2, ...: factors that broadcast with the feature maps of a layer, 1 where they are not given.
Outputs: pictures (N, C, H, W) in the network's range; layer_1, layer_2, ...: the feature maps
(N, C, H, W) after the ReLU, before their own gains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dcgan.config import ModelConfig

OPSET = 17
IR_VERSION = 8
PICTURES = "pictures"

Array = NDArray[np.float32]


def gain(layer: int) -> str:
    """Name of the input with a layer's gains."""
    return f"gain_{layer}"


def maps(layer: int) -> str:
    """Name of the output with a layer's feature maps."""
    return f"layer_{layer}"


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The generator's tensors, named and shaped as in networks.Generator."""
    found: dict[str, tuple[int, ...]] = {}

    def norm(name: str, size: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.{part}"] = (size,)

    inputs = config.z_size + config.classes
    if config.hidden_dense:
        found["hidden.0.weight"] = (config.hidden_dense, inputs)
        norm("hidden.1", config.hidden_dense)
        inputs = config.hidden_dense + config.classes
    widths = config.generator_widths
    units = widths[0] * config.base_size**2
    found["project.weight"] = (units, inputs)
    norm("norms.0", units if config.first_layer == "dense" else widths[0])
    for i, kernel in enumerate(config.generator_kernels):
        last = i + 1 == len(widths)
        outputs = config.channels if last else widths[i + 1]
        found[f"convolutions.{i}.weight"] = (widths[i] + config.classes, outputs, kernel, kernel)
        if not last:
            norm(f"norms.{i + 1}", outputs)
    return found


def build(config: ModelConfig, tensors: Mapping[str, Array]) -> onnx.ModelProto:
    """tensors: those that `shapes` names, in float32."""
    return _Builder(config, tensors).model()


class _Builder:
    def __init__(self, config: ModelConfig, tensors: Mapping[str, Array]) -> None:
        self.config, self.tensors = config, tensors
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs = [_value("z", "N", config.z_size)]
        self.outputs = [_value(PICTURES, "N", config.channels, *[config.image_size] * 2)]
        if config.classes:
            self.inputs.append(_value("classes", "N", config.classes))

    def model(self) -> onnx.ModelProto:
        config = self.config
        x = self._with_classes("z")
        if config.hidden_dense:
            scale, bias = self._norm("hidden.1")
            x = self._dense(x, self.tensors["hidden.0.weight"] * scale[:, None], bias)
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
        scale, bias = self._norm("norms.0")
        units = self.tensors["project.weight"]
        if self.config.first_layer != "dense":  # one statistic a map, not one a unit
            scale, bias = (np.repeat(v, shape[1] * shape[2]) for v in (scale, bias))
        return self._node(
            "Reshape",
            self._dense(x, units * scale[:, None], bias),
            self._constant(np.array([-1, *shape], np.int64)),
        )

    def _layer(self, i: int, x: str) -> str:
        """ReLU, gains, transposed convolution, normalisation where it is not the last."""
        config = self.config
        number, width = i + 1, config.generator_widths[i]
        x = self._node("Relu", x, name=maps(number))
        self.outputs.append(_value(x, "N", *config.layer_shapes[i]))
        batch, high, wide = (f"{side}_{number}" for side in ("N", "H", "W"))
        self.inputs.append(_value(gain(number), batch, width, high, wide))
        self.constants.append(
            numpy_helper.from_array(np.ones((1, width, 1, 1), np.float32), gain(number))
        )
        x = self._with_classes(self._node("Mul", x, gain(number)), config.layer_shapes[i][1:])
        weight = self.tensors[f"convolutions.{i}.weight"]
        bias = np.zeros(weight.shape[1], np.float32)
        if number < len(config.generator_widths):
            scale, bias = self._norm(f"norms.{number}")
            weight = weight * scale[None, :, None, None]
        stride = config.generator_strides[i]
        padding = (config.generator_kernels[i] - stride + 1) // 2
        phases = []
        for top, rows, above, below in _phases(weight.shape[2], stride, padding):
            for left, columns, before, after in _phases(weight.shape[3], stride, padding):
                kernel = weight[:, :, rows][:, :, :, columns].transpose(1, 0, 2, 3)
                phases.append(
                    self._node(
                        "Conv", x, self._constant(kernel), self._constant(bias),
                        pads=[above, before, below, after], name=f"phase_{number}_{top}{left}",
                    )
                )  # fmt: skip
        if stride == 1:
            return phases[0]
        joined = self._node("Concat", *phases, axis=1)
        return self._node("DepthToSpace", joined, blocksize=stride, mode="DCR")

    def _norm(self, name: str) -> tuple[Array, Array]:
        """Batch normalisation with fixed statistics as a factor and a bias."""
        gamma, beta, mean, variance = (
            self.tensors[f"{name}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + self.config.norm_eps)
        return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)

    def _dense(self, x: str, weight: Array, bias: Array) -> str:
        return self._node("Gemm", x, self._constant(weight.T), self._constant(bias))

    def _with_classes(self, x: str, size: tuple[int, ...] = ()) -> str:
        if not self.config.classes:
            return x
        classes = "classes"
        if size:
            axes = self._constant(np.array([2, 3], np.int64))
            classes = self._node("Unsqueeze", classes, axes)
            shape = self._constant(np.array([1, 1, *size], np.int64))
            classes = self._node("Expand", classes, shape)
        return self._node("Concat", x, classes, axis=1)

    def _constant(self, value: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name


def _phases(kernel: int, stride: int, padding: int) -> list[tuple[int, list[int], int, int]]:
    """Along one axis, for each place in a cell: the place, the taps of the transposed kernel that
    reach it, in the order of the inputs that they weigh, and the padding of that convolution.

    Output stride * i + place gets input i + (place + padding - tap) / stride through each tap.
    """
    found = []
    for place in range(stride):
        taps = [tap for tap in range(kernel) if (place + padding - tap) % stride == 0]
        offsets = [(place + padding - tap) // stride for tap in taps]
        found.append((place, taps[::-1], -min(offsets), max(offsets)))
    return found


def _value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
