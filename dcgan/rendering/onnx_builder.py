"""The nodes of an ONNX graph, and the constants that they take, as they are put together."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TO_END = 2**31 - 1
"""Of an axis, however long it is."""


class GraphBuilder:
    """Methods add nodes and give the name of what these compute."""

    def __init__(self, tensors: Iterable[TensorProto] = ()) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = list(tensors)
        self._numbers = itertools.count()
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{operator.lower()}_{next(self._numbers)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def split(self, x: str, parts: int) -> list[str]:
        """Equal parts of the first axis."""
        number = next(self._numbers)
        names = [f"split_{number}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [x], names, names[0], axis=0))
        return names

    def cut(self, x: str, axis: int, start: int, end: int = TO_END, step: int = 1) -> str:
        """x[start:end:step] along an axis."""
        return self.node("Slice", x, *(self.whole(number) for number in (start, end, axis, step)))

    def reshape(self, x: str, *shape: int) -> str:
        return self.node("Reshape", x, self.whole(*shape))

    def unsqueeze(self, x: str, *axes: int) -> str:
        return self.node("Unsqueeze", x, self.whole(*axes))

    def either(
        self, condition: str, one: Callable[[Self], str], other: Callable[[Self], str]
    ) -> str:
        """What the first adds where the condition holds, else what the other does."""
        then_branch, else_branch = self._branch(one), self._branch(other)
        return self.node("If", condition, then_branch=then_branch, else_branch=else_branch)

    def whole(self, *numbers: int) -> str:
        return self.constant(np.array(numbers, np.int64))

    def constant(self, value: np.ndarray) -> str:
        """One that is there already is taken again."""
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._known:
            self._known[key] = name = f"constant_{len(self._known)}"
            self.constants.append(numpy_helper.from_array(value, name))
        return self._known[key]

    def _branch(self, add: Callable[[Self], str]) -> onnx.GraphProto:
        inner = copy.copy(self)  # the same constants and numbers, which a branch sees from outside
        inner.nodes = []
        output = helper.make_tensor_value_info(add(inner), TensorProto.FLOAT, None)
        return helper.make_graph(inner.nodes, output.name, [], [output])
