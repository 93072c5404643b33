"""What the generator is called as an ONNX graph: its inputs, outputs and tensors.

Inputs: z (N, z_size); classes (N, classes), one-hot, where the network has classes; gain_1,
gain_2, ...: factors that broadcast with the feature maps of a layer, 1 where they are not given.
Outputs: pictures (N, C, H, W) in the network's range; layer_1, layer_2, ...: the feature maps
(N, C, H, W) after the ReLU, before their own gains. export.py makes the graph.
"""

from __future__ import annotations

from dcgan.config import ModelConfig

IMAGES_OUTPUT = "pictures"
WEIGHTS_KEY = "weights"
"""In the graph's metadata: the hash of the weights that it is of."""


def gain_input(layer: int) -> str:
    """Name of the input with a layer's gains."""
    return f"gain_{layer}"


def maps_output(layer: int) -> str:
    """Name of the output with a layer's feature maps."""
    return f"layer_{layer}"


def generator_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
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
