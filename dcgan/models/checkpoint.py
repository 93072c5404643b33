"""A checkpoint: a folder or Hub repository with config.json, model.safetensors and README.md.

model.safetensors holds `generator.*` and `discriminator.*`: weights in half precision, batch
normalisation (its parameters and its fixed statistics) in float32. Loading is strict, gives
networks in eval mode in float32, and never unpickles anything.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dcgan.config import ConfigError, ModelConfig
from dcgan.models.annotations import BoxSet, parse_boxes
from dcgan.models.exemplars import (
    ExemplarSets,
    LatentMap,
    no_exemplars,
    parse_exemplars,
    parse_map,
)
from dcgan.models.side_files import DAMAGE, CheckpointError, read_side_file
from dcgan.paths import REPOSITORY

if TYPE_CHECKING:
    import numpy as np
    import torch

    from dcgan.models.networks import Discriminator, Generator

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
GRAPH = "generator.onnx"  # see onnx_export.py; without it the graph is made when it is needed
DIRECTIONS = "directions.json"
EXEMPLARS = "sets.json"
MAP = "map.json"
BOXES = "boxes-*.json"
UNITS = "units-*.json"  # what `python -m dcgan units` finds for such a set
PROBE = "probe.*"  # a classifier of D's features, see probe.py
ENCODER = "encoder.*"  # a guess of a picture's z, see encoder.py
FILES = (CONFIG, WEIGHTS, GRAPH, CARD, DIRECTIONS, EXEMPLARS, MAP, BOXES, UNITS, PROBE, ENCODER)
GENERATOR, DISCRIMINATOR = NETWORKS = ("generator.", "discriminator.")
CARD_NUMBERS = "images_seen", "kid"
"""What the page takes from a card, and sorts by or sends as JSON."""
_COUNTER = "num_batches_tracked"  # of batch normalisation; fixed statistics do not need it

Network = TypeVar("Network", bound="torch.nn.Module")


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint. Networks are read from disk only when asked for."""

    folder: Path
    config: ModelConfig

    @cached_property
    def hash(self) -> str:
        """First 8 hex digits of the SHA-256 of model.safetensors: names the weights in a spec."""
        with (self.folder / WEIGHTS).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:8]

    @cached_property
    def directions(self) -> dict[str, list[float]]:
        """Named directions in z, each `z_size` long; empty where the checkpoint has none.

        Raises CheckpointError where the file is not such a table.
        """
        path = self.folder / DIRECTIONS
        if not path.is_file():
            return {}

        def parse(text: str) -> dict[str, list[float]]:
            table = json.loads(text)
            if not all(type(v) is list and all(map(_is_number, v)) for v in table.values()):
                raise ValueError("every direction must be a list of numbers")
            return {name: [float(x) for x in v] for name, v in table.items()}

        directions = read_side_file(path, parse, "is not a table of directions")
        if any(
            len(v) != self.config.z_size or not all(map(math.isfinite, v))
            for v in directions.values()
        ):
            raise CheckpointError(
                f"{path}: every direction must have {self.config.z_size} finite numbers, as z has"
            )
        return directions

    @cached_property
    def directions_hash(self) -> str:
        """First 8 hex digits of the SHA-256 of the directions: weights may be given more of them,
        and whoever keeps a table of them has to know which."""
        table = json.dumps(self.directions, sort_keys=True)
        return hashlib.sha256(table.encode()).hexdigest()[:8]

    @cached_property
    def boxes(self) -> dict[str, BoxSet]:
        """Sets of boxes drawn in samples, by their names.

        Raises CheckpointError for a file that is none, or whose pictures are of other weights.
        """
        for error in self._boxes[1].values():
            raise error
        return self._boxes[0]

    @property
    def readable_boxes(self) -> dict[str, BoxSet]:
        """Those of `boxes` whose files are not damaged."""
        return self._boxes[0]

    @cached_property
    def _boxes(self) -> tuple[dict[str, BoxSet], dict[str, CheckpointError]]:
        """Sets by their names, and what is wrong with the other files by theirs."""
        sets, damaged = {}, {}
        for path in sorted(self.folder.glob(BOXES)):
            try:
                boxes = self._read_boxes(path)
            except CheckpointError as error:
                damaged[path.name] = error
            else:
                sets[boxes.name] = boxes
        return sets, damaged

    def _read_boxes(self, path: Path) -> BoxSet:
        def parse(text: str) -> BoxSet:
            boxes = parse_boxes(text)
            boxes.check(self.config)
            return boxes

        boxes = read_side_file(path, parse, "is no set of boxes for these weights")
        if boxes.weights != self.hash:
            raise CheckpointError(
                f"{path}: its pictures are of the weights {boxes.weights}, not {self.hash}: "
                "draw the boxes anew"
            )
        return boxes

    @cached_property
    def damaged(self) -> dict[str, str]:
        """What is wrong with side files, by their names; they are left out, and all else works."""
        readers: dict[str, Callable[[], object]] = {
            DIRECTIONS: lambda: self.directions,
            EXEMPLARS: lambda: self.sets,
            MAP: lambda: self.map,
            CARD: lambda: self.metadata,
        }
        found = {name: str(error) for name, error in self._boxes[1].items()}
        for name, read in readers.items():
            try:
                read()
            except CheckpointError as error:
                found[name] = str(error)
        return found

    def check_files(self) -> None:
        """Raises CheckpointError for weights that are damaged or cut off; reads their header."""
        from safetensors import SafetensorError, safe_open

        path = self.folder / WEIGHTS
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"{path} can't be read as safetensors ({error}): it is damaged or incomplete, "
                "copy or download it again"
            ) from None

    @cached_property
    def sets(self) -> ExemplarSets:
        """Named exemplars, and what they are for; all empty where the checkpoint has none.

        Raises CheckpointError where the file can't be read as such.
        """
        path = self.folder / EXEMPLARS
        if not path.is_file():
            return no_exemplars()
        return read_side_file(path, parse_exemplars, "can't be read as sets")

    @cached_property
    def map(self) -> LatentMap | None:
        """Draws laid out so that neighbours are alike; None where the checkpoint has no map.

        Raises CheckpointError where the file can't be read as such.
        """
        path = self.folder / MAP
        return read_side_file(path, parse_map, "can't be read as a map") if path.is_file() else None

    @property
    def card(self) -> str:
        path = self.folder / CARD
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The card's front matter: images_seen, kid, license, ...; empty without a card.

        Raises CheckpointError where it is not a table in YAML, or counts in what is no number.
        """
        if not self.card:
            return {}
        from huggingface_hub import ModelCard
        from yaml import YAMLError

        try:
            facts = ModelCard(self.card, ignore_metadata_errors=True).data.to_dict()
        except (YAMLError, *DAMAGE) as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(
                f"{self.folder / CARD}: its front matter is not a table in YAML ({reason})"
            ) from None
        for name in CARD_NUMBERS:
            value = facts.get(name)
            if value is not None and not (_is_number(value) and abs(value) <= sys.float_info.max):
                raise CheckpointError(
                    f"{self.folder / CARD}: {name} must be a finite number, not {str(value)[:40]}"
                )
        return facts

    def generator(self) -> Generator:
        """G in eval mode. Raises CheckpointError if its tensors are not exactly the config's."""
        from dcgan.models.networks import Generator

        return self._read(Generator(self.config), GENERATOR)

    def discriminator(self) -> Discriminator:
        """D in eval mode. Raises CheckpointError if its tensors are not exactly the config's."""
        from dcgan.models.networks import Discriminator

        return self._read(Discriminator(self.config), DISCRIMINATOR)

    def tensors(self, prefix: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        """One network's tensors, as stored. Raises CheckpointError if they are not exactly these.

        prefix: GENERATOR or DISCRIMINATOR, which the names in `shapes` go without.
        """
        return read_tensors(self.folder / WEIGHTS, CONFIG, shapes, prefix, NETWORKS)

    def _read(self, network: Network, prefix: str) -> Network:
        return load_tensors(network, lambda shapes: self.tensors(prefix, shapes))


def read_tensors(
    path: Path,
    described: str,
    shapes: Mapping[str, tuple[int, ...]],
    prefix: str = "",
    known: tuple[str, ...] = ("",),
) -> dict[str, np.ndarray]:
    """The tensors `prefix*` of a safetensors file, by their names without it, as stored.

    described: the name of the file that the shapes are from. known: prefixes that the file may
    hold. Raises CheckpointError unless the tensors are exactly those in `shapes`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            stray = sorted(n for n in names if not n.startswith(known))
            found = {n.removeprefix(prefix) for n in names if n.startswith(prefix)}
            missing, extra = sorted(shapes.keys() - found), sorted(found - shapes.keys())
            if missing or extra or stray:
                raise CheckpointError(
                    f"{path} does not hold the network that {described} describes: missing "
                    f"{_abbreviated(missing)}, unexpected {_abbreviated(extra + stray)} "
                    f"(in {prefix}*)"
                )
            tensors = {}
            for name, shape in shapes.items():
                tensor = file.get_tensor(prefix + name)
                if tensor.shape != shape:
                    raise CheckpointError(
                        f"{path}: {prefix}{name} has shape {tensor.shape}, but "
                        f"{described} asks for {shape}"
                    )
                tensors[name] = tensor
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} can't be read as safetensors ({error}): it is damaged or incomplete, "
            "copy or download it again"
        ) from None
    return tensors


def load_tensors(
    network: Network,
    tensors: Callable[[dict[str, tuple[int, ...]]], Mapping[str, np.ndarray]],
) -> Network:
    """Put the tensors that are read for the network's shapes into it; in eval mode, fixed."""
    import torch

    shapes = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    read = {name: torch.from_numpy(tensor) for name, tensor in tensors(shapes).items()}
    network.load_state_dict(read, strict=False)  # all but the counters
    return network.eval().requires_grad_(False)


def load(source: str | Path, revision: str | None = None) -> Checkpoint:
    """Open a checkpoint folder ("weights/faces") or Hub repository ("user/repo").

    `revision` is a branch, tag or commit of a Hub repository. Only small files are read here.
    Raises CheckpointError if there is no such checkpoint or its config does not parse.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = _download(str(source), revision)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(f"{source} is not a checkpoint: it has no {name}")
    try:
        config = ModelConfig.from_json((folder / CONFIG).read_text(encoding="utf-8"))
    except (ConfigError, *DAMAGE) as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}") from None
    return Checkpoint(folder, config)


def default_weights() -> Path:
    """The folder weights/ of the current folder, or else of the clone.

    Raises CheckpointError where there is neither.
    """
    for folder in (Path("weights"), REPOSITORY / "weights"):
        if folder.is_dir():
            return folder
    raise CheckpointError(
        "there is no folder weights/ here: give a checkpoint folder, a folder of checkpoints, or a "
        "Hub name like user/repo"
    )


def _download(repo: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    if repo.count("/") != 1 or repo.startswith((".", "/")):
        raise CheckpointError(
            f"there is no folder {repo!r}; give a checkpoint folder or a Hub name like user/repo"
        )
    try:
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=list(FILES),
            )
        )
    except Exception as error:  # its transports share no base
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise CheckpointError(
            f"{repo!r} is neither a folder here nor a repository that could be had from the "
            f"Hub ({type(error).__name__}: {reason})"
        ) from None


def save(
    folder: str | Path, generator: Generator, discriminator: Discriminator | None, card: str
) -> Checkpoint:
    """Write a checkpoint; an existing one is replaced file by file, each at once or not at all.

    Without a discriminator it can only draw.
    """
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = to_half_precision(GENERATOR, generator)
    if discriminator is not None:
        tensors |= to_half_precision(DISCRIMINATOR, discriminator)
    write_atomically(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    write_atomically(folder / CONFIG, generator.config.to_json().encode())
    write_atomically(folder / CARD, card.encode())
    return load(folder)


def to_half_precision(prefix: str, network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights of two and more dimensions in half precision; the rest is batch normalisation."""
    return {
        prefix + name: (tensor.half() if tensor.dim() > 1 else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }


def write_atomically(path: Path, content: bytes) -> None:
    """Write through a temporary file in the same folder, so that no reader sees half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def save_directions(folder: str | Path, directions: Mapping[str, list[float]]) -> None:
    """Write directions.json; a name, once published, must keep its vector (specs refer to it)."""
    write_atomically(Path(folder) / DIRECTIONS, json.dumps(directions).encode())


def save_exemplars(folder: str | Path, sets: ExemplarSets) -> None:
    """Write sets.json. Raises ExemplarError for what could not be read back."""
    text = json.dumps(sets, indent=1) + "\n"
    parse_exemplars(text)
    write_atomically(Path(folder) / EXEMPLARS, text.encode())


def save_map(folder: str | Path, atlas: LatentMap) -> None:
    """Write map.json. Raises ExemplarError for what could not be read back."""
    text = json.dumps(atlas) + "\n"
    parse_map(text)
    write_atomically(Path(folder) / MAP, text.encode())


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _abbreviated(names: list[str]) -> str:
    return "nothing" if not names else ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
