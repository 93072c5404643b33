"""ModelConfig: the shape of a generator and its discriminator (sections 3 and 4 of the paper).

One frozen dataclass describes the paper's 64x64 network and all of the authors' others: see
`PAPER`, `SVHN`, `IMAGENET32` and `MNIST` below. It is saved as config.json beside the weights.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

VERSION = 1

Prior = Literal["uniform", "normal"]
FirstLayer = Literal["convolution", "dense"]
Output = Literal["tanh", "sigmoid"]


class ConfigError(ValueError):
    """A model configuration that describes no network; the message says which field and why."""


@dataclass(frozen=True)
class ModelConfig:
    """A generator G and a discriminator D for square pictures.

    G projects z to `generator_widths[0]` maps of `base_size` x `base_size`; transposed convolution
    i then takes `generator_widths[i]` maps to the next width, the last one to `channels`.
    Convolution i of D gives `discriminator_widths[i]` maps. Strides are upsampling factors in G.

    first_layer: G's projection is normalised per map ("convolution", as a transposed convolution
        of a 1x1 input would be) or per unit ("dense", the authors' code).
    hidden_dense: width of a dense layer before G's projection and after D's last convolution;
        0 for none (the paper's guideline).
    classes: labels are concatenated, one-hot, to the input of every layer; 0 for none.
    norm_eps: epsilon of the batch normalisation.

    Raises ConfigError from the constructor when the fields contradict each other.
    """

    image_size: int = 64
    channels: int = 3
    z_size: int = 100
    prior: Prior = "uniform"
    generator_widths: tuple[int, ...] = (1024, 512, 256, 128)
    generator_kernels: tuple[int, ...] = (5, 5, 5, 5)
    generator_strides: tuple[int, ...] = (2, 2, 2, 2)
    discriminator_widths: tuple[int, ...] = (128, 256, 512, 1024)
    discriminator_kernels: tuple[int, ...] = (5, 5, 5, 5)
    discriminator_strides: tuple[int, ...] = (2, 2, 2, 2)
    first_layer: FirstLayer = "convolution"
    hidden_dense: int = 0
    classes: int = 0
    output: Output = "tanh"
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, tuple):
                if (
                    not isinstance(value, (tuple, list))
                    or not value
                    or not all(_is_int(v, 1) for v in value)
                ):
                    raise ConfigError(f"{field.name} must list whole numbers >= 1, not {value!r}")
                object.__setattr__(self, field.name, tuple(value))
        for name, low in (("image_size", 1), ("channels", 1), ("z_size", 1)):
            if not _is_int(getattr(self, name), low):
                raise ConfigError(
                    f"{name} must be a whole number >= {low}, not {getattr(self, name)!r}"
                )
        for name in ("hidden_dense", "classes"):
            if not _is_int(getattr(self, name), 0):
                raise ConfigError(
                    f"{name} must be a whole number >= 0 (0: none), not {getattr(self, name)!r}"
                )
        for name, choices in (("prior", Prior), ("first_layer", FirstLayer), ("output", Output)):
            if getattr(self, name) not in get_args(choices):
                raise ConfigError(
                    f"{name} must be one of {', '.join(get_args(choices))}, "
                    f"not {getattr(self, name)!r}"
                )
        if not (isinstance(self.norm_eps, float) and 0 < self.norm_eps < 1):
            raise ConfigError(f"norm_eps must lie between 0 and 1, not {self.norm_eps!r}")
        for side in ("generator", "discriminator"):
            widths, kernels, strides = (
                getattr(self, f"{side}_{part}") for part in ("widths", "kernels", "strides")
            )
            if not len(widths) == len(kernels) == len(strides):
                raise ConfigError(
                    f"{side}_widths, _kernels and _strides must be equally long, not "
                    f"{len(widths)}, {len(kernels)} and {len(strides)}"
                )
            for kernel, stride in zip(kernels, strides, strict=True):
                if kernel < stride or ((kernel - stride) % 2 and stride == 1):
                    raise ConfigError(
                        f"a kernel of {kernel} with stride {stride} in the {side} does not scale "
                        "the picture by exactly its stride; use an odd kernel with stride 1 and "
                        "a kernel no smaller than its stride"
                    )
            if self.image_size % math.prod(strides):
                raise ConfigError(
                    f"image_size {self.image_size} is not divisible by the product of the "
                    f"{side}'s strides, {math.prod(strides)}"
                )

    @property
    def base_size(self) -> int:
        """Side of G's first maps: 4 in the paper, 7 in the MNIST network."""
        return self.image_size // math.prod(self.generator_strides)

    @property
    def layer_shapes(self) -> tuple[tuple[int, int, int], ...]:
        """(C, H, W) of G's feature maps after each ReLU, layer 1 (next to z) first."""
        sizes = [self.base_size]
        for stride in self.generator_strides[:-1]:
            sizes.append(sizes[-1] * stride)
        return tuple((c, s, s) for c, s in zip(self.generator_widths, sizes, strict=True))

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, **dataclasses.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Raises ConfigError for anything but exactly the fields of this version."""
        try:
            fields: Any = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"config.json is not valid JSON ({error})") from None
        if not isinstance(fields, dict):
            raise ConfigError("config.json must hold one JSON object")
        version = fields.pop("version", None)
        if version != VERSION:
            raise ConfigError(
                f"config.json has version {version!r}, this code reads version {VERSION}: "
                "use the release that wrote it, or export the weights again"
            )
        known = {field.name for field in dataclasses.fields(cls)}
        if fields.keys() != known:
            missing, extra = sorted(known - fields.keys()), sorted(fields.keys() - known)
            raise ConfigError(
                f"config.json does not fit this version: missing {missing}, unknown {extra}"
            )
        return cls(**fields)


def _is_int(value: object, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


PAPER = ModelConfig()
"""Figure 1: 1024-512-256-128. The kernels, 5x5, are those of the authors' code for faces."""

SVHN = ModelConfig(
    image_size=32,
    prior="normal",
    generator_widths=(256, 128, 64),
    generator_kernels=(5, 5, 5),
    generator_strides=(2, 2, 2),
    discriminator_widths=(64, 128, 256),
    discriminator_kernels=(5, 5, 5),
    discriminator_strides=(2, 2, 2),
    first_layer="dense",
    norm_eps=1e-8,
)
"""The authors' SVHN network (section 5.2; Newmu/dcgan_code)."""

IMAGENET32 = ModelConfig(
    image_size=32,
    z_size=256,
    generator_widths=(512, 512, 256, 256, 128, 128),
    generator_kernels=(3,) * 6,
    generator_strides=(2, 1, 2, 1, 2, 1),
    discriminator_widths=(128, 128, 256, 256, 512, 512),
    discriminator_kernels=(3,) * 6,
    discriminator_strides=(1, 2, 1, 2, 1, 2),
    first_layer="dense",
    norm_eps=1e-8,
)
"""The authors' 32x32 ImageNet network, whose D gives the CIFAR-10 features (section 5.1)."""

MNIST = ModelConfig(
    image_size=28,
    channels=1,
    generator_widths=(128, 64),
    generator_kernels=(5, 5),
    generator_strides=(2, 2),
    discriminator_widths=(64, 128),
    discriminator_kernels=(5, 5),
    discriminator_strides=(2, 2),
    first_layer="dense",
    hidden_dense=1024,
    classes=10,
    output="sigmoid",
    norm_eps=1e-8,
)
"""The authors' class-conditional MNIST network (appendix)."""
