"""Classifiers: small networks that only measure what a 64x64 picture shows.

A classifier is two files: NAME.json (its shape, and its accuracy on pictures that no classifier was
trained on) and NAME.safetensors, stored as a checkpoint's are. `python -m training
attribute-classifiers` makes them. An experiment picks with one classifier and measures with
another, of another architecture and trained on other pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.media import images
from dcgan.models.checkpoint import CheckpointError
from dcgan.models.network_files import NetworkFiles, is_width
from dcgan.models.tensors import load_tensors, to_half_precision

IMAGE_SIZE = 64
BATCH_SIZE = 128

Kind = Literal["plain", "residual"]

MAKER = "attribute-classifiers"
"""The command of `python -m training` that makes them."""


@dataclass(frozen=True)
class ClassifierConfig:
    """outputs: what is measured, one number each. widths: maps after each halving of the side.

    Raises CheckpointError from the constructor for a shape that no classifier has.
    """

    kind: Kind
    outputs: tuple[str, ...]
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise CheckpointError(
                f"a classifier's kind is one of {', '.join(get_args(Kind))}, not {self.kind!r}"
            )
        for name, valid in (
            ("outputs", lambda value: isinstance(value, str) and value),
            ("widths", is_width),
        ):
            values = getattr(self, name)
            if not isinstance(values, (list, tuple)) or not values or not all(map(valid, values)):
                raise CheckpointError(f"a classifier's {name} can't be {values!r}")
            object.__setattr__(self, name, tuple(values))
        if IMAGE_SIZE % 2 ** len(self.widths):
            raise CheckpointError(
                f"a {IMAGE_SIZE}x{IMAGE_SIZE} picture can't be halved {len(self.widths)} times"
            )


class ConfiguredModule(nn.Module):
    """A network that is stored as a classifier; `config` is a dataclass, the JSON's first part."""

    config: Any


Network = TypeVar("Network", bound=ConfiguredModule)


class AttributeClassifier(ConfiguredModule):
    """Pictures (N, 3, 64, 64) in [-1, 1] -> logits (N, outputs): above 0 means yes."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        block = _PlainBlock if config.kind == "plain" else _ResidualBlock
        inputs = (3, *config.widths)
        self.blocks = nn.Sequential(
            *(block(i, o) for i, o in zip(inputs, config.widths, strict=False))
        )
        cells = (IMAGE_SIZE >> len(config.widths)) ** 2 if config.kind == "plain" else 1
        self.score = nn.Linear(cells * config.widths[-1], len(config.outputs))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.score(self.features(pictures))

    def features(self, pictures: Tensor) -> Tensor:
        """What the outputs are sums of, (N, features)."""
        maps = self.blocks(pictures)
        return (maps if self.config.kind == "plain" else maps.mean((2, 3))).flatten(1)


class _PlainBlock(nn.Sequential):
    """A strided convolution; the classifier's score sees where in the picture it answered."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(*_convolution(inputs, outputs, 2), nn.ReLU())


class _ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; the classifier's score sees their mean over the
    picture."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        first, second = _convolution(inputs, outputs, 2), _convolution(outputs, outputs, 1)
        self.path = nn.Sequential(*first, nn.ReLU(), *second)
        self.shortcut = nn.Conv2d(inputs, outputs, 2, 2)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.path(maps) + self.shortcut(maps))


def _convolution(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)


@torch.inference_mode()
def classify_images(classifier: AttributeClassifier, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """uint8 pictures (N, 64, 64, 3) -> the logits (N,) of each output."""
    parts = [
        classifier(torch.from_numpy(images.from_uint8(part.transpose(0, 3, 1, 2), "tanh")))
        for part in np.split(pictures, range(BATCH_SIZE, len(pictures), BATCH_SIZE))
    ]
    logits = torch.cat(parts).numpy()
    return {name: logits[:, column] for column, name in enumerate(classifier.config.outputs)}


def load_classifier(folder: str | Path, name: str) -> tuple[AttributeClassifier, dict[str, Any]]:
    """A classifier in eval mode, and the rest of its NAME.json.

    Raises CheckpointError where it can't be found or its files do not fit this code.
    """
    return read_network(folder, name, ClassifierConfig, AttributeClassifier, MAKER)


def read_network(
    folder: str | Path, name: str, config: type[Any], network: Callable[[Any], Network], maker: str
) -> tuple[Network, dict[str, Any]]:
    """`load_classifier` for a network of any kind, that `python -m training MAKER` makes."""
    files = _files(folder, name, maker)
    shape = {field.name for field in dataclasses.fields(config)}

    def parse(facts: dict[str, Any]) -> tuple[Network, dict[str, Any]]:
        if missing := sorted(shape - facts.keys()):
            raise ValueError(f"it has no {missing[0]!r}")
        return network(config(**{key: facts.pop(key) for key in shape})), facts

    found = files.describe(parse)
    if found is None:
        raise CheckpointError(
            f"there is no classifier {name} in {folder}: python -m training {maker} makes them"
        )
    classifier, facts = found
    return load_tensors(classifier, files.read), facts


def save_classifier(
    folder: str | Path, name: str, classifier: ConfiguredModule, facts: dict[str, Any]
) -> None:
    """Write a classifier; an existing one is replaced."""
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = save(to_half_precision("", classifier), metadata={"format": "pt"})
    _files(folder, name, MAKER).write({**dataclasses.asdict(classifier.config), **facts}, tensors)


def _files(folder: str | Path, name: str, maker: str) -> NetworkFiles:
    remedy = f"train it again with `python -m training {maker} --data DATA --out FOLDER`"
    return NetworkFiles(Path(folder), name, "classifier", remedy)
