"""generator.onnx: the generator as ONNX Runtime draws with it, here and in browsers.

It computes what networks.Generator computes. Its tensors are those of the checkpoint, in half
precision as they are stored, and stay in model.safetensors: the graph says where (ONNX's external
data), so that there is no second file of weights that could disagree with the first. ONNX Runtime
computes once, when it reads them, what does not change from picture to picture: float32 weights,
batch normalisation with its fixed statistics folded into the convolution before it. Where that is
quicker, a convolution is computed by fewer multiplications, see winograd.py.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dcgan.config import ModelConfig
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint
from dcgan.models.tensor_shapes import generator_shapes
from dcgan.rendering import winograd
from dcgan.rendering.onnx_builder import GraphBuilder
from dcgan.rendering.onnx_names import (
    IMAGES_OUTPUT,
    WEIGHTS_KEY,
    gain_input,
    maps_output,
)

OPSET = 17
IR_VERSION = 8
SERVER_BACKEND = "processor"
"""What the graph of the file is for, beside ort_web.BACKENDS."""
MIN_WINOGRAD_BATCH = 3
"""Pictures in a batch from which on ONNX Runtime is quicker by winograd.py, on the processors that
this was measured on."""
MIN_WINOGRAD_CELLS_WASM = 8 * 8
"""Of a layer, from which on it is quicker for one in WebAssembly: a smaller one gains half a
millisecond, and its sums of filters are four times as many. On a GPU nobody has measured it."""
TENSORS_FILE = "tensors"
ONNX_TYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}


def build_graph(weights: Checkpoint) -> onnx.ModelProto:
    """Build the graph of a checkpoint's generator (`Checkpoint.tensors` checks its tensors)."""
    return _graph(weights, _stored(weights.folder / checkpoint.WEIGHTS), SERVER_BACKEND)


def write_graph(weights: Checkpoint) -> Path:
    """Writes generator.onnx beside a checkpoint's weights. Raises CheckpointError for bad ones."""
    _read(weights)
    path = weights.folder / checkpoint.GRAPH
    checkpoint.write_atomically(path, build_graph(weights).SerializeToString(deterministic=True))
    return path


def build_browser_graph(weights: Checkpoint, backend: str) -> bytes:
    """The graph for one of ort_web.BACKENDS, over the file TENSORS_FILE (`browser_tensors`).

    It has to be given all gains: onnxruntime-web knows no optional inputs. Raises CheckpointError
    for bad weights.
    """
    stored, place = {}, 0
    for name, tensor in _read(weights).items():
        kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
        stored[name] = _external(name, tensor.shape, kind, TENSORS_FILE, place, tensor.nbytes)
        place += tensor.nbytes
    return _graph(weights, stored, backend).SerializeToString(deterministic=True)


def browser_tensors(weights: Checkpoint) -> bytes:
    """The generator's tensors as they are stored, one after the other, without the discriminator.

    Raises CheckpointError for bad weights.
    """
    return b"".join(tensor.tobytes() for tensor in _read(weights).values())


def _read(weights: Checkpoint) -> dict[str, np.ndarray]:
    return weights.tensors(checkpoint.GENERATOR, generator_shapes(weights.config))


def _graph(
    weights: Checkpoint, tensors: Mapping[str, TensorProto], backend: str
) -> onnx.ModelProto:
    built = _GeneratorGraph(weights.config, tensors, backend).model()
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
            kind, place = ONNX_TYPES[entry["dtype"]], 8 + length + start
            found[name] = _external(name, entry["shape"], kind, path.name, place, end - start)
    return found


def _external(
    name: str, shape: Sequence[int], kind: int, location: str, offset: int, length: int
) -> TensorProto:
    tensor = TensorProto(name=name, dims=shape, data_type=kind, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


class _GeneratorGraph(GraphBuilder):
    def __init__(
        self, config: ModelConfig, tensors: Mapping[str, TensorProto], backend: str
    ) -> None:
        super().__init__(tensors.values())
        self.config, self.backend = config, backend
        self.inputs = [_value("z", "N", config.z_size)]
        self.outputs = [_value(IMAGES_OUTPUT, "N", config.channels, *[config.image_size] * 2)]
        if config.classes:
            self.inputs.append(_value("classes", "N", config.classes))

    def model(self) -> onnx.ModelProto:
        config = self.config
        x = self._with_classes("z")
        if config.hidden_dense:
            x = self._dense(x, "hidden.0.weight", *self._norm("hidden.1"))
            x = self._with_classes(self.node("Relu", x))
        x = self._project(x)
        for i in range(len(config.generator_widths)):
            x = self._layer(i, x)
        self.node("Tanh" if config.output == "tanh" else "Sigmoid", x, name=IMAGES_OUTPUT)
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
        return self.reshape(x, -1, *shape)

    def _layer(self, i: int, x: str) -> str:
        """ReLU, gains, transposed convolution, normalisation where it is not the last."""
        config, number = self.config, i + 1
        x = self.node("Relu", x, name=maps_output(number))
        self.outputs.append(_value(x, "N", *config.layer_shapes[i]))
        x = self._with_classes(self._gained(x, number), config.layer_shapes[i][1:])
        filters, bias = self._single(f"convolutions.{i}.weight"), ""
        kernel, stride = config.generator_kernels[i], config.generator_strides[i]
        padding = (kernel - stride + 1) // 2

        def directly(graph: GraphBuilder) -> str:
            return graph.node(
                "ConvTranspose", *filter(None, (x, filters, bias)),
                kernel_shape=[kernel] * 2, strides=[stride] * 2,
                pads=[padding] * 4, output_padding=[2 * padding + stride - kernel] * 2,
            )  # fmt: skip

        if number == len(config.generator_widths):
            return directly(self)
        factor, bias = self._norm(f"norms.{number}")
        filters = self.node("Mul", filters, self.unsqueeze(factor, 0, 2, 3))
        if not self._by_winograd(i):
            return directly(self)
        shape = config.layer_shapes[number]
        by = winograd.transform_filters(self, filters, shape[0])

        def with_fewer(graph: GraphBuilder) -> str:
            return winograd.conv_transpose(graph, x, by, bias, *shape)

        if self.backend == "wasm":
            return with_fewer(self)
        pictures = self.node("Shape", "z", end=1)
        are_several = self.node("GreaterOrEqual", pictures, self.whole(MIN_WINOGRAD_BATCH))
        return self.either(are_several, with_fewer, directly)

    def _by_winograd(self, i: int) -> bool:
        """Whether that is quicker for a layer, be it for several pictures only."""
        config = self.config
        _, height, width = config.layer_shapes[i]
        kernel, stride = config.generator_kernels[i], config.generator_strides[i]
        quicker = {
            SERVER_BACKEND: True,
            "wasm": height * width >= MIN_WINOGRAD_CELLS_WASM,
            "webgpu": False,
        }
        return quicker[self.backend] and winograd.is_applicable(kernel, stride, height, width)

    def _gained(self, x: str, number: int) -> str:
        width = self.config.generator_widths[number - 1]
        batch, high, wide = (f"{side}_{number}" for side in ("N", "H", "W"))
        self.inputs.append(_value(gain_input(number), batch, width, high, wide))
        if self.backend == SERVER_BACKEND:
            neutral = np.ones((1, width, 1, 1), np.float32)
            self.constants.append(numpy_helper.from_array(neutral, gain_input(number)))
        return self.node("Mul", x, gain_input(number))

    def _norm(self, name: str) -> tuple[str, str]:
        """Batch normalisation with fixed statistics as a factor and a bias."""
        gamma, beta, mean, variance = (
            self._single(f"{name}.{part}")
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        floor = self.constant(np.array(self.config.norm_eps, np.float32))
        deviation = self.node("Sqrt", self.node("Add", variance, floor))
        factor = self.node("Div", gamma, deviation)
        return factor, self.node("Sub", beta, self.node("Mul", mean, factor))

    def _dense(self, x: str, weight: str, factor: str, bias: str) -> str:
        scaled = self.node("Mul", self._single(weight), self.unsqueeze(factor, 1))
        return self.node("Gemm", x, scaled, bias, transB=1)

    def _with_classes(self, x: str, size: tuple[int, ...] = ()) -> str:
        if not self.config.classes:
            return x
        classes = "classes"
        if size:
            classes = self.unsqueeze(classes, 2, 3)
            classes = self.node("Expand", classes, self.whole(1, 1, *size))
        return self.node("Concat", x, classes, axis=1)

    def _repeat(self, v: str, times: int) -> str:
        """Each value of a vector that often in a row."""
        many = self.node("Expand", self.unsqueeze(v, 1), self.whole(1, times))
        return self.reshape(many, -1)

    def _single(self, name: str) -> str:
        """A tensor of the checkpoint in single precision."""
        return self.node("Cast", name, to=TensorProto.FLOAT)


def _value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
