"""The generator's layers, described once.

networks.Generator builds them in torch, rendering/onnx_export.py as an ONNX graph, and a
checkpoint's tensors have the names and shapes that follow from them (sections 3 and 4, figure 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dcgan.config import ModelConfig


@dataclass(frozen=True)
class Norm:
    """Batch normalisation; `name` is that of the module."""

    name: str
    features: int
    per_map: bool = True
    """One statistic for each feature map; else one for each unit."""

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes of its tensors, as `tensors` of the layers gives theirs."""
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"{self.name}.{part}", (self.features,)


@dataclass(frozen=True)
class Dense:
    """A linear layer without bias, then batch normalisation. `inputs` counts the classes."""

    name: str
    inputs: int
    outputs: int
    norm: Norm

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{self.name}.weight", (self.outputs, self.inputs)
        yield from self.norm.tensors()


@dataclass(frozen=True)
class TransposedConvolution:
    """Without bias, then batch normalisation except at G's output. `inputs` counts the classes."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: int
    norm: Norm | None

    @property
    def padding(self) -> int:
        """With `output_padding`, what makes the layer multiply the side by its stride."""
        return (self.kernel - self.stride + 1) // 2

    @property
    def output_padding(self) -> int:
        return 2 * self.padding + self.stride - self.kernel

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{self.name}.weight", (self.inputs, self.outputs, self.kernel, self.kernel)
        if self.norm is not None:
            yield from self.norm.tensors()


@dataclass(frozen=True)
class GeneratorLayers:
    """From z to the image; ReLU stands before each convolution and behind `hidden`."""

    hidden: Dense | None
    project: Dense
    """Its output is reshaped to the first layer's feature maps."""
    convolutions: tuple[TransposedConvolution, ...]

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all tensors by their names in networks.Generator, without its counters."""
        hidden = [self.hidden] if self.hidden is not None else []
        layers = [*hidden, self.project, *self.convolutions]
        return dict(tensor for layer in layers for tensor in layer.tensors())


def generator_layers(config: ModelConfig) -> GeneratorLayers:
    """The layers of a config's generator. Classes are concatenated to every layer's input."""
    hidden, inputs = None, config.z_size + config.classes
    if config.hidden_dense:
        norm = Norm("hidden.1", config.hidden_dense, per_map=False)
        hidden = Dense("hidden.0", inputs, config.hidden_dense, norm)
        inputs = config.hidden_dense + config.classes
    widths = config.generator_widths
    units = widths[0] * config.base_size**2
    if config.first_layer == "dense":
        first = Norm("norms.0", units, per_map=False)
    else:
        first = Norm("norms.0", widths[0])
    project = Dense("project", inputs, units, first)
    outputs = (*widths[1:], config.channels)
    convolutions = tuple(
        TransposedConvolution(
            f"convolutions.{i}",
            widths[i] + config.classes,
            outputs[i],
            config.generator_kernels[i],
            config.generator_strides[i],
            Norm(f"norms.{i + 1}", outputs[i]) if i + 1 < len(widths) else None,
        )
        for i in range(len(widths))
    )
    return GeneratorLayers(hidden, project, convolutions)
