"""Small networks in two files: NAME.json says what a network is, NAME.safetensors holds its
tensors, stored as a checkpoint's are.

A probe and an encoder lie beside the weights that they are of; attribute classifiers lie in a
folder of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dcgan.config import ModelConfig
from dcgan.models import tensor_shapes
from dcgan.models.side_files import SideFileError, is_present, read_side_file, write_atomically
from dcgan.models.tensors import check_tensors, read_tensors

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
PROBE, ENCODER = "probe", "encoder"
MAX_WIDTH = 4096
REQUIRED_FACTS = "data", "test", "accuracy"
"""Facts that every probe states: training data, number of test images, accuracy on these."""

Description = TypeVar("Description")


@dataclass(frozen=True)
class NetworkFiles:
    """Where a network's two files lie, what it is called, and how to make them anew.

    weights: hash of the weights that it must be of, None for one that stands alone.
    """

    folder: Path
    name: str
    kind: str
    remedy: str
    weights: str | None = None

    @property
    def described(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def tensors(self) -> Path:
        return self.folder / f"{self.name}.safetensors"

    def describe(self, parse: Callable[[dict[str, Any]], Description]) -> Description | None:
        """What `parse` makes of the JSON; None where neither of the files is there.

        parse: raises one of `side_files.DAMAGE` for what describes no such network. Raises
        SideFileError.
        """
        if not is_present(self.described):
            if is_present(self.tensors):
                wrong = f"is of no use, because {self.described.name} is not there"
                raise SideFileError(self.tensors, wrong, self.remedy)
            return None
        wrong = f"does not describe a usable {self.kind}"
        return read_side_file(
            self.described, lambda text: parse(self._parse(text)), wrong, self.remedy
        )

    def check(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raises SideFileError unless the tensors have these names and shapes."""
        check_tensors(self.tensors, self.described.name, {"": shapes}, remedy=self.remedy)

    def read(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        """The tensors, as stored. Raises SideFileError unless they are exactly these."""
        return read_tensors(self.tensors, self.described.name, shapes, remedy=self.remedy)

    def write(self, description: Mapping[str, Any], tensors: bytes) -> None:
        """Write both, each at once or not at all; existing ones are replaced."""
        of = {} if self.weights is None else {"weights": self.weights}
        text = json.dumps({"version": VERSION, **of, **description}, indent=1) + "\n"
        write_atomically(self.tensors, tensors)
        write_atomically(self.described, text.encode())

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            table = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is not valid JSON: {error}") from None
        if not isinstance(table, dict):
            raise ValueError("it is not one JSON object")
        if (version := table.pop("version", None)) != VERSION:
            raise ValueError(f"it has version {str(version)[:40]}, not {VERSION}")
        if self.weights is not None and (of := table.pop("weights", None)) != self.weights:
            raise ValueError(f"it is of the weights {str(of)[:40]}, not of {self.weights}")
        return table


@dataclass(frozen=True)
class ProbeDescription:
    """classes: their names. facts: accuracy, training and test data, at least REQUIRED_FACTS."""

    classes: tuple[str, ...]
    facts: dict[str, Any]

    @classmethod
    def parse(cls, table: dict[str, Any]) -> ProbeDescription:
        """Raises ValueError."""
        classes, facts = table.get("classes"), table.get("facts")
        if (
            not isinstance(classes, list)
            or len(classes) < 2
            or not all(isinstance(name, str) and name for name in classes)
        ):
            raise ValueError("it must list the names of two classes or more")
        if not isinstance(facts, dict) or not facts.keys() >= set(REQUIRED_FACTS):
            raise ValueError(f"it must state facts with {', '.join(REQUIRED_FACTS)}")
        try:
            json.dumps(facts, allow_nan=False)
        except ValueError:
            raise ValueError("its facts must be finite numbers, which browsers can read") from None
        return cls(tuple(classes), facts)


@dataclass(frozen=True)
class EncoderDescription:
    """widths: maps after each halving of the side. facts: how near it comes on held-out samples."""

    widths: tuple[int, ...]
    facts: dict[str, Any]

    @classmethod
    def parse(cls, table: dict[str, Any]) -> EncoderDescription:
        """Raises ValueError."""
        widths, facts = table.get("widths"), table.get("facts")
        if not isinstance(widths, list) or not all(map(is_width, widths)):
            raise ValueError("it must list the widths of its layers")
        if not isinstance(facts, dict):
            raise ValueError("it must state facts")
        return cls(tuple(widths), facts)


def is_width(value: object) -> bool:
    """Whether a layer can have so many maps."""
    return type(value) is int and 1 <= value <= MAX_WIDTH


def probe_files(folder: Path, weights: str) -> NetworkFiles:
    """Those of a checkpoint's probe. weights: the hash of its weights."""
    command = "python -m training run cifar10 --weights FOLDER --data CIFAR10 --kmeans 0 --probe"
    return NetworkFiles(folder, PROBE, PROBE, f"fit it again with `{command}`", weights)


def encoder_files(folder: Path, weights: str) -> NetworkFiles:
    """Those of a checkpoint's encoder. weights: the hash of its weights."""
    remedy = "train it again with `python -m training encoder FOLDER`"
    return NetworkFiles(folder, ENCODER, ENCODER, remedy, weights)


def read_probe(files: NetworkFiles, config: ModelConfig) -> ProbeDescription | None:
    """What a probe is, its tensors compared with it. Raises SideFileError."""
    found = files.describe(ProbeDescription.parse)
    if found is not None:
        files.check(tensor_shapes.probe_shapes(config, len(found.classes)))
    return found


def read_encoder(files: NetworkFiles, config: ModelConfig) -> EncoderDescription | None:
    """What an encoder is, its tensors compared with it. Raises SideFileError."""

    def parse(table: dict[str, Any]) -> EncoderDescription:
        found = EncoderDescription.parse(table)
        tensor_shapes.encoder_shapes(config, found.widths)  # refuses a side that can't be halved
        return found

    found = files.describe(parse)
    if found is not None:
        files.check(tensor_shapes.encoder_shapes(config, found.widths))
    return found
