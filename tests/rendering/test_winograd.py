"""Transposed convolutions by fewer multiplications: what torch computes with all of them."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from torch.nn import functional

from dcgan.rendering import winograd
from dcgan.rendering.onnx_builder import GraphBuilder

SINGLE = TensorProto.FLOAT


def built(filters: np.ndarray, bias: np.ndarray, height: int, width: int) -> onnx.ModelProto:
    tensors = {"filters": filters, "bias": bias}
    graph = GraphBuilder(numpy_helper.from_array(values, name) for name, values in tensors.items())
    count, maps, *_ = filters.shape
    by = winograd.transform_filters(graph, "filters", maps)
    y = winograd.conv_transpose(graph, "x", by, "bias", maps, 2 * height, 2 * width)
    x = helper.make_tensor_value_info("x", SINGLE, ["N", count, height, width])
    out = helper.make_tensor_value_info(y, SINGLE, ["N", maps, 2 * height, 2 * width])
    opset = helper.make_opsetid("", 17)
    whole = helper.make_graph(graph.nodes, "convolution", [x], [out], graph.constants)
    return helper.make_model(whole, opset_imports=[opset], ir_version=8)


@pytest.mark.parametrize(
    ("height", "width", "count", "maps"), [(2, 2, 3, 1), (4, 4, 512, 256), (6, 8, 5, 7)]
)
def test_it_is_conv_transpose(height: int, width: int, count: int, maps: int) -> None:
    random = np.random.default_rng(0)
    x = random.uniform(0, 1, (2, count, height, width)).astype(np.float32)
    filters = random.normal(0, 0.02, (count, maps, 4, 4)).astype(np.float32)
    bias = random.normal(size=maps).astype(np.float32)
    model = built(filters, bias, height, width)
    onnx.checker.check_model(model, full_check=True)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = np.asarray(session.run(None, {"x": x})[0])
    exact = functional.conv_transpose2d(
        *(torch.from_numpy(values).double() for values in (x, filters, bias)), stride=2, padding=1
    )
    np.testing.assert_allclose(found, exact.numpy(), rtol=0, atol=1e-5)


def test_of_sixteen_multiplications_nine_are_left() -> None:
    """Of positions by filters: a product's matrix has a place for each quarter of the cells."""
    model = built(np.ones((3, 5, 4, 4), np.float32), np.ones(5, np.float32), 4, 4)
    products = [node for node in model.graph.node if node.op_type == "MatMul"]
    [sums] = [node for node in products if node.input[0].startswith("constant")]
    products.remove(sums)  # once, when the graph is read
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim[1:]]
        for value in inferred
    }
    cells = [shapes[node.output[0]] for node in products]
    assert len(products) == 36
    assert all(shape == [2, 2, 5] for shape in cells)
    direct = (2 * 4) * (2 * 4) * 5 * 3 * 4  # outputs, each of 3 maps under 2x2 of the filter
    assert sum(np.prod(shape) * 3 for shape in cells) == direct * 9 / 16


def test_what_it_is_for() -> None:
    fitting = [
        (kernel, stride, height, width)
        for kernel, stride, height, width in itertools.product((3, 4, 5), (1, 2), (4, 7), (4, 7))
        if winograd.is_applicable(kernel, stride, height, width)
    ]
    assert fitting == [(4, 2, 4, 4)]
