"""What the generator is called as an ONNX graph: its inputs, outputs and tensors.

Inputs: z (N, z_size); classes (N, classes), one-hot, where the network has classes; gain_1,
gain_2, ...: factors that broadcast with the feature maps of a layer, 1 where they are not given.
Outputs: pictures (N, C, H, W) in the network's range; layer_1, layer_2, ...: the feature maps
(N, C, H, W) after the ReLU, before their own gains. export.py makes the graph.
"""

from __future__ import annotations

IMAGES_OUTPUT = "pictures"
WEIGHTS_KEY = "weights"
"""In the graph's metadata: the hash of the weights that it is of."""


def gain_input(layer: int) -> str:
    """Name of the input with a layer's gains."""
    return f"gain_{layer}"


def maps_output(layer: int) -> str:
    """Name of the output with a layer's feature maps."""
    return f"layer_{layer}"
