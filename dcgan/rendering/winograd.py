"""A transposed convolution, 4x4 filters in steps of 2, by 9 multiplications where it takes 16.

It is four convolutions with 2x2 filters, one for each parity of the row and the column that it
writes. By Winograd's minimal filtering, F(2x2, 2x2) in the terms of Lavin and Gray (2016, section
4), each of them makes 2x2 of its outputs by 9 products of sums and differences, not by 16 of the
values themselves. Along one axis, for the inputs x[0] and x[1], their neighbours and a filter w:

    y[0] = (w[1] + w[3]) x[0] - w[3] (x[0] - x[-1])
    y[1] = (w[0] + w[2]) x[1] - w[2] (x[1] - x[0])
    y[2] = (w[1] + w[3]) x[0] + w[1] (x[1] - x[0])
    y[3] = (w[0] + w[2]) x[1] + w[0] (x[2] - x[1])

Six products, of five kinds of input, for four outputs; along both axes 36, of 25 kinds, for 16. A
product is one of matrices, cells by maps. The sums of filters do not change from picture to
picture: ONNX Runtime computes them once, when it reads the graph.
"""

from __future__ import annotations

import numpy as np

from dcgan.rendering.onnx_builder import GraphBuilder

KERNEL, STRIDE = 4, 2
INPUT_TRANSFORMS = ("before", "even", "within", "within", "odd", "after")
"""Of input that the six products take, see `_transform_input`."""
FILTER_TRANSFORM = np.array(
    [[0, 0, 0, -1], [0, 1, 0, 1], [0, 0, -1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0]],
    np.float32,
)
"""Their filters, by w[0] to w[3]."""
OUTPUT_TRANSFORM = ((0, 1), (2, 4), (1, 3), (4, 5))
"""The two products whose sum is an output."""
UNTRANSFORMED = (1, 4)
"""The products of x itself, one in each output: a bias comes in by them."""
CHANNELS_FIRST_ORDER, CHANNELS_LAST_ORDER = (0, 3, 1, 2), (0, 2, 3, 1)
"""What brings the maps to the front of the rows and columns, and behind them."""


def is_applicable(kernel: int, stride: int, height: int, width: int) -> bool:
    """Whether a transposed convolution of height x width cells is one of these."""
    return (kernel, stride) == (KERNEL, STRIDE) and height % 2 == width % 2 == 0


def transform_filters(graph: GraphBuilder, filters: str, maps: int) -> list[str]:
    """What the products multiply by, (C, maps) each, of filters (C, maps, 4, 4)."""
    flat = graph.reshape(graph.node("Transpose", filters, perm=[2, 3, 0, 1]), KERNEL**2, -1)
    sums = graph.node("MatMul", graph.constant(np.kron(FILTER_TRANSFORM, FILTER_TRANSFORM)), flat)
    return graph.split(graph.reshape(sums, -1, maps), len(FILTER_TRANSFORM) ** 2)


def conv_transpose(
    graph: GraphBuilder, x: str, by: list[str], bias: str, maps: int, height: int, width: int
) -> str:
    """ConvTranspose with pads of 1. x: (N, C, H / 2, W / 2). by: `transform_filters`.

    bias: (maps,).

    Returns (N, maps, height, width).
    """
    # Every parity of the output rows is an ordinary convolution of two of the four filter rows. For
    # each, F(2, 2) of Lavin and Gray (2016) gives two outputs by three products instead of four, so
    # rows and columns together take 9 where they took 16; the two parities share none of them.
    x = graph.node("Transpose", x, perm=CHANNELS_LAST_ORDER)
    x = graph.node("Pad", x, graph.whole(0, 1, 1, 0, 0, 1, 1, 0))
    kinds = {
        (row, column): cells
        for row, rows in _transform_input(graph, x, axis=1).items()
        for column, cells in _transform_input(graph, rows, axis=2).items()
    }
    # With the channels last each product is one large matrix product, (N rows columns, C) by
    # (C, maps), which is where ONNX Runtime comes near the processor's peak.
    places = np.ndindex(len(FILTER_TRANSFORM), len(FILTER_TRANSFORM))
    products = {
        (row, column): graph.node(
            "MatMul", kinds[INPUT_TRANSFORMS[row], INPUT_TRANSFORMS[column]], matrix
        )
        for (row, column), matrix in zip(places, by, strict=True)
    }
    for place in ((row, column) for row in UNTRANSFORMED for column in UNTRANSFORMED):
        products[place] = graph.node("Add", products[place], bias)
    rows = []
    for one, other in OUTPUT_TRANSFORM:
        row = [
            graph.node("Add", products[one, i], products[other, i])
            for i in range(len(FILTER_TRANSFORM))
        ]
        cells = [graph.node("Add", row[one], row[other]) for one, other in OUTPUT_TRANSFORM]
        side_by_side = graph.node("Concat", *cells, axis=3)
        rows.append(graph.reshape(side_by_side, 0, 0, 1, -1))
    y = graph.reshape(graph.node("Concat", *rows, axis=2), -1, height, width, maps)
    return graph.node("Transpose", y, perm=CHANNELS_FIRST_ORDER)


def _transform_input(graph: GraphBuilder, x: str, axis: int) -> dict[str, str]:
    """x[2t], x[2t + 1] and differences of neighbours; x has a zero at either end."""
    odd, even = graph.cut(x, axis, 0, step=2), graph.cut(x, axis, 1, step=2)  # from x[-1], x[0] on
    across = graph.node("Sub", even, odd)
    even, odd = graph.cut(even, axis, 0, -1), graph.cut(odd, axis, 1)
    return {
        "before": graph.cut(across, axis, 0, -1),
        "even": even,
        "within": graph.node("Sub", odd, even),
        "odd": odd,
        "after": graph.cut(across, axis, 1),
    }
