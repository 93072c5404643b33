"""Sets of pictures: those trained on and those held out, with labels or masks where asked for.

What is trained on is decoded once into a temporary file (N, C, H, W uint8: 12 kB for a 64x64
picture), of which the machine keeps in memory as much as it has room for, and split by hash into a
training and a held-out part, so that the same image falls on the same side on every machine and at
every size of the set; pictures of one known person stay together.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from joblib import delayed

from training.data.parallel import run_in_processes
from training.data.readers import DataError, decode_image, read_rows

IMAGES_PER_TASK, MIN_TASKS_FOR_PROCESSES = 256, 16
"""Pictures that a process is given at a time, and from how many such parts on it is not alone."""
OPTIONAL_COLUMNS = ("source", "person")
"""What of a row counts where there is such a column."""

_Row = tuple[str, bytes, dict[str, Any]]
_Decoded = tuple[str, float, dict[str, Any], bytes | str]
"""Name, `hash_position`, columns, and pixels (C, H, W) or the reason why the picture is left
out."""

DEFAULT_HELD_OUT = 1 / 12
"""Share of a set that is held out where nothing else is said."""


@dataclass
class Images:
    """Decoded pictures (N, C, H, W) uint8 and what was left out on the way."""

    train: np.ndarray
    held_out: np.ndarray
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> names of the pictures skipped for it."""
    sources: dict[str, int] = field(default_factory=dict)
    """The training pictures' `source` column, counted, where the set has one."""
    labels: np.ndarray | None = None
    """Class of each training picture, for class-conditional networks."""

    def digest(self) -> str:
        """The same for the same training pictures, by their number and some hundreds of them."""
        some = self.train[:: max(1, len(self.train) // 500)]
        return hashlib.sha256(f"{len(self.train)}".encode() + some.tobytes()).hexdigest()[:16]

    def report(self) -> str:
        text = f"{len(self.train):,} pictures to train on, {len(self.held_out):,} held out"
        for reason, names in self.skipped.items():
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            text += f"; skipped {len(names)} {reason} ({shown})"
        return text


def load_images(
    source: str | Path,
    size: int,
    channels: int,
    keep: dict[str, list[Any]] | None = None,
    label: str | None = None,
    held_out: float = DEFAULT_HELD_OUT,
) -> Images:
    """Read and split a set of pictures.

    source: as for `sources.rows`. keep: column -> values; other rows are left out. label: column
        with class numbers. held_out: share of the pictures. Those that are broken or not size x
        size are skipped and named; so are grey ones where colour is asked for, even if stored as
        colour.
    Raises DataError where fewer than two pictures remain, or a column is missing.
    """
    keep = keep or {}
    columns = {*keep, *([label] if label else [])}
    skipped: dict[str, list[str]] = {}
    sources: dict[str, int] = {}
    labels: list[int] = []
    wanted = (
        (name, content, {column: row[column] for column in {*OPTIONAL_COLUMNS, label} & row.keys()})
        for name, content, row in read_rows(source, columns)
        if all(row[column] in values for column, values in keep.items())
    )
    with tempfile.TemporaryFile() as training, tempfile.TemporaryFile() as others:
        for name, where, row, picture in _decoded(wanted, size, channels):
            if isinstance(picture, str):
                skipped.setdefault(picture, []).append(name)
                continue
            if where < held_out:
                others.write(picture)
                continue
            training.write(picture)
            if "source" in row:
                sources[row["source"]] = sources.get(row["source"], 0) + 1
            if label:
                labels.append(int(row[label]))
        train, rest = (memory_map(file, (channels, size, size)) for file in (training, others))
    if len(train) < 2:
        reasons = ", ".join(f"{len(v)} {k}" for k, v in skipped.items()) or "it is empty"
        raise DataError(
            f"found no {size}x{size} pictures to train on in {source}: {reasons}. Give a folder "
            "of pictures or parquet files of that size"
        )
    return Images(train, rest, skipped, sources, np.array(labels) if label else None)


def _decoded(found: Iterator[_Row], size: int, channels: int) -> Iterator[_Decoded]:
    """In their order; large sets are decoded by one process a core."""
    parts = iter(lambda: list(itertools.islice(found, IMAGES_PER_TASK)), [])
    first = list(itertools.islice(parts, MIN_TASKS_FOR_PROCESSES))
    processes = -1 if len(first) == MIN_TASKS_FOR_PROCESSES else 1
    calls = (delayed(_decode)(part, size, channels) for part in itertools.chain(first, parts))
    return itertools.chain.from_iterable(run_in_processes(calls, processes, 1))


def _decode(part: list[_Row], size: int, channels: int) -> list[_Decoded]:
    found = []
    for name, content, row in part:
        picture = decode_image(content, size, channels)
        pixels = picture if isinstance(picture, str) else picture.tobytes()
        found.append((name, hash_position(content, row), row, pixels))
    return found


def memory_map(file: IO[bytes], shape: tuple[int, ...]) -> np.ndarray:
    """What was written to a file, (N, *shape) uint8; the map outlives the open file."""
    if not file.tell():  # of which no system makes a map
        return np.empty((0, *shape), np.uint8)
    file.flush()
    return np.memmap(file, np.uint8, "r").reshape(-1, *shape)


def hash_position(content: bytes, row: dict[str, Any]) -> float:
    """Where a picture falls in [0, 1), by hash: parts of a set are ranges of this."""
    person = row.get("person", -1)
    key = f"person {person}".encode() if isinstance(person, int) and person >= 0 else content
    return int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64


@dataclass(frozen=True)
class AttributeDataset:
    """Pictures (N, C, H, W) uint8 with columns of 1, 0 and -1 (unknown): labels (N, columns) int8.

    places (N,) are those of `hash_position`; names are the first 16 digits of the files' SHA-256.
    """

    pictures: np.ndarray
    labels: np.ndarray
    places: np.ndarray
    names: list[str]

    def __getitem__(self, rows: np.ndarray) -> AttributeDataset:
        """A part, by a mask (N,)."""
        names = [name for name, chosen in zip(self.names, rows, strict=True) if chosen]
        return AttributeDataset(self.pictures[rows], self.labels[rows], self.places[rows], names)


def load_attributes(
    source: str | Path, size: int, channels: int, columns: Sequence[str], *, grey: bool = False
) -> AttributeDataset:
    """All pictures of a set that `load_images` would keep, unsplit, with their labels.

    grey: keep grey pictures, too, where colour is asked for.
    Raises DataError where a column is missing or no picture remains.
    """
    pictures, labels, places, names = bytearray(), [], [], []
    for _, content, row in read_rows(source, set(columns)):
        picture = decode_image(content, size, channels, grey)
        if isinstance(picture, str):
            continue
        pictures.extend(picture.tobytes())
        labels.append([row[column] for column in columns])
        places.append(hash_position(content, row))
        names.append(hashlib.sha256(content).hexdigest()[:16])
    if not names:
        raise DataError(f"found no {size}x{size} pictures in {source}")
    return AttributeDataset(
        np.frombuffer(pictures, np.uint8).reshape(-1, channels, size, size),
        np.array(labels, np.int8).reshape(len(names), len(columns)),
        np.array(places),
        names,
    )


@dataclass(frozen=True)
class MaskDataset:
    """Pictures (N, 3, H, W) uint8, masks (N, H, W) uint8 of 0 to 255, places (N,) by
    `hash_position`."""

    pictures: np.ndarray
    masks: np.ndarray
    places: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> MaskDataset:
        """A part, by a mask (N,)."""
        return MaskDataset(self.pictures[rows], self.masks[rows], self.places[rows])


def load_masks(source: str | Path, size: int, column: str) -> MaskDataset:
    """The pictures of a set in whose `column` there is a mask, unsplit.

    Raises DataError where there is no such column or no mask.
    """
    pictures, masks, places = bytearray(), bytearray(), []
    for _, content, row in read_rows(source, {column}):
        if row[column] is None:
            continue
        picture, mask = decode_image(content, size, 3), decode_image(row[column]["bytes"], size, 1)
        if isinstance(picture, str) or isinstance(mask, str):
            continue
        pictures.extend(picture.tobytes())
        masks.extend(mask.tobytes())
        places.append(hash_position(content, row))
    if not places:
        raise DataError(f"found no {size}x{size} pictures with a {column} in {source}")
    return MaskDataset(
        np.frombuffer(pictures, np.uint8).reshape(-1, 3, size, size),
        np.frombuffer(masks, np.uint8).reshape(-1, size, size),
        np.array(places),
    )


def to_channels_last(pictures: np.ndarray) -> np.ndarray:
    """(N, C, H, W) uint8 -> (N, H, W, 3); grey ones get three channels."""
    count, _, height, width = pictures.shape
    return np.broadcast_to(pictures.transpose(0, 2, 3, 1), (count, height, width, 3)).copy()
