"""Data sets: training and held-out images, with labels or masks.

Images are decoded once into memory-mapped temporary files ((N, C, H, W) uint8, 12 kB for a 64x64
image), which the operating system caches as far as memory allows. They are split into a training
and a held-out part by hash, so that an image falls on the same side on every machine and at every
size of the data set; images of one known person stay together.
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
"""Images per task of a decoding process, and number of tasks from which several are used."""
OPTIONAL_COLUMNS = ("source", "person")
"""Columns that are used if a data set has them."""

_Row = tuple[str, bytes, dict[str, Any]]
_Decoded = tuple[str, float, dict[str, Any], bytes | str]
"""Name, `hash_position`, columns, and pixels as bytes or the reason for skipping the image."""

DEFAULT_HELD_OUT = 1 / 12
"""Default share of a data set that is held out."""


@dataclass
class Images:
    """Decoded images (N, C, H, W) uint8, and which images were skipped."""

    train: np.ndarray
    held_out: np.ndarray
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> names of the images skipped for it."""
    sources: dict[str, int] = field(default_factory=dict)
    """Number of training images by value of the column `source`, if there is one."""
    labels: np.ndarray | None = None
    """Class number of each training image (N,), for class-conditional networks."""

    def digest(self) -> str:
        """Return a hash of the training images: of their number and some hundreds of them."""
        some = self.train[:: max(1, len(self.train) // 500)]
        return hashlib.sha256(f"{len(self.train)}".encode() + some.tobytes()).hexdigest()[:16]

    def report(self) -> str:
        """Describe the numbers of training, held-out and skipped images in a sentence."""
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
    """Read, decode and split a data set.

    source: as for `readers.read_rows`. keep: column -> values of the rows to use. label: column of
    class numbers. held_out: share of the images to hold out.

    Images that are broken or not size x size are skipped and listed, and with 3 channels also
    greyscale images, even if stored in colour. Raises DataError if fewer than two training images
    remain or a column is missing.
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
    """Decode rows in order, with one process per core for large data sets."""
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
    """Map a file's content as (N, *shape) uint8; the map remains valid when the file is closed."""
    if not file.tell():  # an empty file can't be mapped
        return np.empty((0, *shape), np.uint8)
    file.flush()
    return np.memmap(file, np.uint8, "r").reshape(-1, *shape)


def hash_position(content: bytes, row: dict[str, Any]) -> float:
    """Return an image's hash as a number in [0, 1); splits of a data set are ranges of it.

    Hashes the column `person` if it is known, otherwise the encoded image.
    """
    person = row.get("person", -1)
    key = f"person {person}".encode() if isinstance(person, int) and person >= 0 else content
    return int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64


@dataclass(frozen=True)
class AttributeDataset:
    """Images (N, C, H, W) uint8 with labels (N, columns) int8 of 1, 0 and -1 (unknown).

    places: `hash_position` of each image (N,). names: first 16 digits of the files' SHA-256.
    """

    pictures: np.ndarray
    labels: np.ndarray
    places: np.ndarray
    names: list[str]

    def __getitem__(self, rows: np.ndarray) -> AttributeDataset:
        """Return the part selected by a boolean mask (N,)."""
        names = [name for name, chosen in zip(self.names, rows, strict=True) if chosen]
        return AttributeDataset(self.pictures[rows], self.labels[rows], self.places[rows], names)


def load_attributes(
    source: str | Path, size: int, channels: int, columns: Sequence[str], *, grey: bool = False
) -> AttributeDataset:
    """Load all images that `load_images` would keep, without a split, with their labels.

    grey: keep greyscale images also with 3 channels. Raises DataError if a column is missing or no
    image remains.
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
    """Images (N, 3, H, W) uint8, masks (N, H, W) uint8 of 0 to 255, and `hash_position` (N,)."""

    pictures: np.ndarray
    masks: np.ndarray
    places: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> MaskDataset:
        """Return the part selected by a boolean mask (N,)."""
        return MaskDataset(self.pictures[rows], self.masks[rows], self.places[rows])


def load_masks(source: str | Path, size: int, column: str) -> MaskDataset:
    """Load all images that have a mask in a column, without a split.

    Raises DataError if there is no such column or no mask.
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
    """Convert (N, C, H, W) uint8 to (N, H, W, 3); greyscale images get three channels."""
    count, _, height, width = pictures.shape
    return np.broadcast_to(pictures.transpose(0, 2, 3, 1), (count, height, width, 3)).copy()
