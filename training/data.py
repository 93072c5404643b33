"""Images for training: parquet in the Hub's image format, folders of pictures, Hub data sets, LMDB.

Everything is decoded once into a temporary file (N, C, H, W uint8: 12 kB for a 64x64 picture), of
which the machine keeps in memory as much as it has room for, and split by hash into a training and
a held-out part, so that the same image falls on the same side on every machine and at every size of
the set; pictures of one known person stay together.
"""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

HELD_OUT = 1 / 12
"""Share of a set that is held out where nothing else is said."""
LMDB = "data.mdb"


class DataError(ValueError):
    """Images that can't be trained on; the message says which and what to do."""


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
    held_out: float = HELD_OUT,
) -> Images:
    """Read and split a set of pictures.

    source: as for `rows`. keep: column -> values; other rows are left out. label: column with
        class numbers. held_out: share of the pictures. Those that are broken or not size x size are
        skipped and named; so are grey ones where colour is asked for, even if stored as colour.
    Raises DataError where fewer than two pictures remain, or a column is missing.
    """
    keep = keep or {}
    columns = {*keep, *([label] if label else [])}
    skipped: dict[str, list[str]] = {}
    sources: dict[str, int] = {}
    labels: list[int] = []
    with tempfile.TemporaryFile() as training, tempfile.TemporaryFile() as others:
        for name, content, row in rows(source):
            if missing := columns - row.keys():
                raise DataError(f"{source} has no column {missing.pop()!r}, only {sorted(row)}")
            if any(row[column] not in values for column, values in keep.items()):
                continue
            picture = _decode(content, size, channels)
            if isinstance(picture, str):
                skipped.setdefault(picture, []).append(name)
                continue
            if place(content, row) < held_out:
                others.write(picture.tobytes())
                continue
            training.write(picture.tobytes())
            if "source" in row:
                sources[row["source"]] = sources.get(row["source"], 0) + 1
            if label:
                labels.append(int(row[label]))
        train, rest = (_mapped(file, (channels, size, size)) for file in (training, others))
    if len(train) < 2:
        reasons = ", ".join(f"{len(v)} {k}" for k, v in skipped.items()) or "it is empty"
        raise DataError(
            f"found no {size}x{size} pictures to train on in {source}: {reasons}. Give a folder "
            "of pictures or parquet files of that size"
        )
    return Images(train, rest, skipped, sources, np.array(labels) if label else None)


def _mapped(file: IO[bytes], shape: tuple[int, ...]) -> np.ndarray:
    """What was written to a file, (N, *shape) uint8; the map outlives the open file."""
    if not file.tell():  # of which no system makes a map
        return np.empty((0, *shape), np.uint8)
    file.flush()
    return np.memmap(file, np.uint8, "r").reshape(-1, *shape)


def place(content: bytes, row: dict[str, Any]) -> float:
    """Where a picture falls in [0, 1), by hash: parts of a set are ranges of this."""
    person = row.get("person", -1)
    key = f"person {person}".encode() if isinstance(person, int) and person >= 0 else content
    return int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64


@dataclass(frozen=True)
class Attributed:
    """Pictures (N, C, H, W) uint8 with columns of 1, 0 and -1 (unknown): labels (N, columns) int8.

    places (N,) are those of `place`; names are the first 16 digits of the files' SHA-256.
    """

    pictures: np.ndarray
    labels: np.ndarray
    places: np.ndarray
    names: list[str]

    def __getitem__(self, rows: np.ndarray) -> Attributed:
        """A part, by a mask (N,)."""
        names = [name for name, chosen in zip(self.names, rows, strict=True) if chosen]
        return Attributed(self.pictures[rows], self.labels[rows], self.places[rows], names)


def load_attributes(
    source: str | Path, size: int, channels: int, columns: Sequence[str], *, grey: bool = False
) -> Attributed:
    """All pictures of a set that `load_images` would keep, unsplit, with their labels.

    grey: keep grey pictures, too, where colour is asked for.
    Raises DataError where a column is missing or no picture remains.
    """
    pictures, labels, places, names = bytearray(), [], [], []
    for _, content, row in rows(source):
        if missing := set(columns) - row.keys():
            raise DataError(f"{source} has no column {missing.pop()!r}, only {sorted(row)}")
        picture = _decode(content, size, channels, grey)
        if isinstance(picture, str):
            continue
        pictures.extend(picture.tobytes())
        labels.append([row[column] for column in columns])
        places.append(place(content, row))
        names.append(hashlib.sha256(content).hexdigest()[:16])
    if not names:
        raise DataError(f"found no {size}x{size} pictures in {source}")
    return Attributed(
        np.frombuffer(pictures, np.uint8).reshape(-1, channels, size, size),
        np.array(labels, np.int8).reshape(len(names), len(columns)),
        np.array(places),
        names,
    )


@dataclass(frozen=True)
class Masked:
    """Pictures (N, 3, H, W) uint8, masks (N, H, W) uint8 of 0 to 255, places (N,) by `place`."""

    pictures: np.ndarray
    masks: np.ndarray
    places: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Masked:
        """A part, by a mask (N,)."""
        return Masked(self.pictures[rows], self.masks[rows], self.places[rows])


def load_masks(source: str | Path, size: int, column: str) -> Masked:
    """The pictures of a set in whose `column` there is a mask, unsplit.

    Raises DataError where there is no such column or no mask.
    """
    pictures, masks, places = bytearray(), bytearray(), []
    for _, content, row in rows(source):
        if column not in row:
            raise DataError(f"{source} has no column {column!r}, only {sorted(row)}")
        if row[column] is None:
            continue
        picture, mask = _decode(content, size, 3), _decode(row[column]["bytes"], size, 1)
        if isinstance(picture, str) or isinstance(mask, str):
            continue
        pictures.extend(picture.tobytes())
        masks.extend(mask.tobytes())
        places.append(place(content, row))
    if not places:
        raise DataError(f"found no {size}x{size} pictures with a {column} in {source}")
    return Masked(
        np.frombuffer(pictures, np.uint8).reshape(-1, 3, size, size),
        np.frombuffer(masks, np.uint8).reshape(-1, size, size),
        np.array(places),
    )


def rows(source: str | Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """(name, encoded picture, other columns) of every picture.

    source: a parquet file, a folder with some, a folder of pictures (searched recursively), an LMDB
    of encoded pictures as LSUN's, or the name of a Hub data set, which is streamed. Raises
    DataError.
    """
    folder = Path(source)
    if folder.is_file() and folder.suffix == ".parquet":
        yield from _table(source, "parquet", data_files=[str(folder)])
    elif not folder.is_dir():
        if folder.exists() or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(source)):
            raise DataError(f"there is no folder {source}")
        yield from _table(source, str(source))
    elif (folder / LMDB).is_file():
        yield from _database(folder)
    elif files := sorted(folder.rglob("*.parquet")):
        training = [path for path in files if path.name.startswith("train")] or files
        yield from _table(source, "parquet", data_files=[str(path) for path in training])
    else:
        suffixes = Image.registered_extensions()
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes):
            yield str(path.relative_to(folder)), path.read_bytes(), {}


def file_of_test(folder: str) -> Path:
    """The test part of a set, test*.parquet. Raises DataError where there is not exactly one."""
    found = sorted(Path(folder).glob("test*.parquet"))
    if len(found) != 1:
        raise DataError(f"{folder} has {len(found)} files test*.parquet: give one with --test")
    return found[0]


def _database(folder: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    import lmdb

    try:
        with (
            lmdb.open(str(folder), readonly=True, lock=False, readahead=False) as database,
            database.begin() as transaction,
        ):
            for key, content in transaction.cursor():
                yield key.decode(errors="replace"), content, {}
    except lmdb.Error as error:
        raise DataError(f"{folder / LMDB} can't be read: {error}") from error


def _table(
    source: str | Path, kind: str, **options: Any
) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """The rows of what `datasets` can read; bytes are empty where the picture is missing."""
    import datasets
    from fsspec.core import url_to_fs

    try:
        rows = datasets.load_dataset(kind, split="train", streaming=True, **options)
        if "image" not in (rows.column_names or ["image"]):
            raise DataError(f"{source} has no column 'image', only {rows.column_names}")
        for number, row in enumerate(rows.decode(False)):
            image = row.pop("image") or {"bytes": b"", "path": None}
            content = image["bytes"]
            if content is None:
                filesystem, path = url_to_fs(image["path"])
                content = filesystem.cat_file(path)
            yield image["path"] or f"row {number}", content, row
    except DataError:
        raise
    except Exception as error:  # pyarrow, fsspec and the Hub's client raise many types
        raise DataError(
            f"{source} is no folder of pictures, parquet files or data set of the Hub that can be "
            f"read ({type(error).__name__}: {error})"
        ) from error


def _decode(content: bytes, size: int, channels: int, grey: bool = False) -> np.ndarray | str:
    """(C, H, W) uint8, or the reason why the picture is left out."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.size != (size, size):
                return f"not {size}x{size}"
            pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "broken"
    if channels == 3 and not grey and (pixels == pixels[:, :, :1]).all():
        return "grey"
    return np.atleast_3d(pixels).transpose(2, 0, 1)


def shown(pictures: np.ndarray) -> np.ndarray:
    """(N, C, H, W) uint8 -> (N, H, W, 3); grey ones get three channels."""
    count, _, height, width = pictures.shape
    return np.broadcast_to(pictures.transpose(0, 2, 3, 1), (count, height, width, 3)).copy()


class Batches:
    """Minibatches whose content depends on (seed, step) alone, so a step number is their state.

    Every epoch runs once through all pictures in a new order; the last, incomplete batch of an
    epoch is dropped. With several processes each takes its own slice of the common batch.
    Raises DataError from the constructor where the pictures do not fill a batch.
    """

    def __init__(
        self,
        images: np.ndarray,
        batch_size: int,
        seed: int,
        mirror: bool,
        *,
        labels: np.ndarray | None = None,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        if len(images) < batch_size:
            raise DataError(
                f"a batch has {batch_size} pictures, but there are only {len(images)} to train on"
            )
        self.images, self.labels, self.mirror, self.seed = images, labels, mirror, seed
        self.batch_size = batch_size
        self.steps_per_epoch = len(images) // batch_size
        self._slice = slice(process, None, processes)
        self._order = (-1, np.empty(0, np.int64))

    def at(self, step: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Batch number `step`: pictures (N, C, H, W) uint8, their labels or None."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            order = random(self.seed, "order", epoch).permutation(len(self.images))
            self._order = (epoch, order)
        start = position * self.batch_size
        rows = self._order[1][start : start + self.batch_size][self._slice]
        pictures = self.images[rows]
        if self.mirror:
            flip = random(self.seed, "mirror", step).random(self.batch_size)[self._slice] < 0.5
            pictures[flip] = pictures[flip, :, :, ::-1]
        return pictures, None if self.labels is None else self.labels[rows]


def some_of_each(
    labels: np.ndarray, classes: int, count: int, chance: np.random.Generator
) -> np.ndarray:
    """Rows of labels (N,), `count` different ones at random of each class, class by class."""
    rows = (np.flatnonzero(labels == label) for label in range(classes))
    return np.concatenate([chance.choice(those, count, replace=False) for those in rows])


def random(seed: int, purpose: str, step: int) -> np.random.Generator:
    """A counter-based generator: training's whole random state is the number of the step."""
    stream = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8])
    key = np.array([seed, stream], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, step, 0]))
