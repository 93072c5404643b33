"""A checkpoint: a folder or Hub repository with config.json, model.safetensors and README.md.

model.safetensors holds `generator.*` and `discriminator.*`: weights in half precision, batch
normalisation (its parameters and its fixed statistics) in float32. Loading is strict, gives
networks in eval mode in float32, and never unpickles anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan.config import ModelConfig
from dcgan.latents.spec import check_direction_name
from dcgan.models import tensor_shapes
from dcgan.models.annotations import BoxSet
from dcgan.models.contents import (
    BOXES,
    CARD,
    DIRECTIONS,
    ENCODER,
    EXEMPLARS,
    MAP,
    PROBE,
    UNITS,
    SideFiles,
)
from dcgan.models.exemplars import ExemplarSets, LatentMap, parse_exemplars, parse_map
from dcgan.models.generator_layers import generator_layers
from dcgan.models.network_files import EncoderDescription, ProbeDescription
from dcgan.models.side_files import CheckpointError, read_side_file, write_atomically
from dcgan.models.tensors import (
    Network,
    check_tensors,
    load_tensors,
    read_tensors,
    to_half_precision,
)
from dcgan.paths import REPOSITORY

if TYPE_CHECKING:
    import numpy as np

    from dcgan.models.networks import Discriminator, Generator

CONFIG, WEIGHTS = "config.json", "model.safetensors"
GRAPH = "generator.onnx"  # see onnx_export.py; without it the graph is made when it is needed
FILES = (CONFIG, WEIGHTS, GRAPH, CARD, DIRECTIONS, EXEMPLARS, MAP, BOXES, UNITS, PROBE, ENCODER)
GENERATOR, DISCRIMINATOR = NETWORKS = ("generator.", "discriminator.")
COPY_AGAIN = "copy or download the checkpoint again"


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
    def readable(self) -> SideFiles:
        """The side files less the damaged ones, and what is wrong with those.

        The properties below raise CheckpointError instead, where the file that they are read from
        is damaged. What is not there is empty or None in both.
        """
        return SideFiles(self.folder, self.config, lambda: self.hash, lenient=True)

    @cached_property
    def directions(self) -> dict[str, list[float]]:
        """Named directions in z, each `z_size` long."""
        return self._strictly.directions

    @cached_property
    def directions_hash(self) -> str:
        """First 8 hex digits of the SHA-256 of the readable directions: weights may be given more
        of them, and whoever keeps a table of them has to know which."""
        table = json.dumps(self.readable.directions, sort_keys=True)
        return hashlib.sha256(table.encode()).hexdigest()[:8]

    @cached_property
    def sets(self) -> ExemplarSets:
        """Named exemplars, and what they are for."""
        return self._strictly.sets

    @cached_property
    def map(self) -> LatentMap | None:
        """Draws laid out so that neighbours are alike."""
        return self._strictly.map

    @cached_property
    def boxes(self) -> dict[str, BoxSet]:
        """Sets of boxes drawn in samples of these weights, by their names."""
        return self._strictly.boxes

    @property
    def probe(self) -> ProbeDescription | None:
        """The classifier of D's features, without its tensors."""
        return self._strictly.probe

    @property
    def encoder(self) -> EncoderDescription | None:
        """The guess of a picture's z, without its tensors."""
        return self._strictly.encoder

    @property
    def card(self) -> str:
        """The text of README.md."""
        return self._strictly.card

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The card's front matter: images_seen, kid, license, ..."""
        return self._strictly.metadata

    @property
    def _strictly(self) -> SideFiles:
        return SideFiles(self.folder, self.config, lambda: self.hash, lenient=False)

    def check_files(self) -> None:
        """Compare config.json with the header of model.safetensors, without reading tensors.

        D may be absent. Raises CheckpointError for weights that are damaged, cut off or another
        network's.
        """
        networks = {
            GENERATOR: generator_layers(self.config).tensors(),
            DISCRIMINATOR: tensor_shapes.discriminator_shapes(self.config),
        }
        check_tensors(self.folder / WEIGHTS, CONFIG, networks, (DISCRIMINATOR,), COPY_AGAIN)

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
        return read_tensors(self.folder / WEIGHTS, CONFIG, shapes, prefix, NETWORKS, COPY_AGAIN)

    def _read(self, network: Network, prefix: str) -> Network:
        return load_tensors(network, lambda shapes: self.tensors(prefix, shapes))


def load(source: str | Path, revision: str | None = None) -> Checkpoint:
    """Open a checkpoint folder ("weights/faces") or Hub repository ("user/repo").

    `revision` is a branch, tag or commit of a Hub repository. Only small files are read here.
    Raises CheckpointError if there is no such checkpoint or its config does not parse.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = _download(str(source), revision)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).exists():
            advice = f", {COPY_AGAIN}" if name == WEIGHTS else ""
            raise CheckpointError(f"{source} is not a checkpoint: it has no {name}{advice}")
    wrong = "does not describe a network"
    config = read_side_file(folder / CONFIG, ModelConfig.from_json, wrong, COPY_AGAIN)
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


def save_directions(folder: str | Path, directions: Mapping[str, list[float]]) -> None:
    """Write directions.json; a name, once published, must keep its vector (specs refer to it).

    Raises SpecError for a name that no spec can have.
    """
    for name in directions:
        check_direction_name(name)
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
