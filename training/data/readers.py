"""Readers of data sets: parquet in the Hub's image format, image folders, Hub data sets, LMDB."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

LMDB = "data.mdb"
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
"""First and last bytes of a complete JPEG file."""
GREY_CHECK_STRIDE = 8
"""Stride of the quick check for greyscale images, which rules out most colour images."""
ROWS_PER_READ = 256
"""Number of rows of a parquet table read at a time."""


class DataError(ValueError):
    """Images that can't be trained on; the message says which and what to do."""


def read_rows(
    source: str | Path, columns: Set[str] = frozenset()
) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield (name, encoded image, other columns) for every image.

    source: a parquet file, a folder of parquet files, a folder of images (searched recursively), an
    LMDB of encoded images like LSUN's, or the name of a Hub data set, which is streamed. columns:
    columns that must be present. Raises DataError.
    """
    for name, content, row in _rows(source):
        if missing := columns - row.keys():
            raise DataError(f"{source} has no column {min(missing)!r}, only {sorted(row)}")
        yield name, content, row


def _rows(source: str | Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    if (files := _tables(source)) is not None:
        yield from _table(source, files)
    elif ((folder := Path(source)) / LMDB).is_file():
        yield from _database(folder)
    else:
        suffixes = Image.registered_extensions()
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes):
            yield str(path.relative_to(folder)), path.read_bytes(), {}


def _tables(source: str | Path) -> list[str] | None:
    """Return a source's parquet files: an empty list for a Hub data set, None for other sources."""
    folder = Path(source)
    if folder.is_file() and folder.suffix == ".parquet":
        return [str(folder)]
    if not folder.is_dir():
        if folder.exists() or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(source)):
            raise DataError(f"there is no folder {source}")
        return []
    if (folder / LMDB).is_file() or not (files := sorted(folder.rglob("*.parquet"))):
        return None
    training = [path for path in files if path.name.startswith("train")] or files
    return [str(path) for path in training]


def column_types(source: str | Path) -> dict[str, Any]:
    """Return the types of the columns beside the image, as features of the `datasets` library."""
    if (files := _tables(source)) is None:
        return {}
    types = dict(_opened(source, files).features or {})
    types.pop("image", None)
    return types


def find_test_file(folder: str) -> Path:
    """Return a folder's test file, test*.parquet. Raises DataError unless there is exactly one."""
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


def _opened(source: str | Path, files: list[str]) -> Any:
    """Open parquet files, or without any the Hub data set `source`, as a streaming data set."""
    import datasets

    options: dict[str, Any] = {"data_files": files} if files else {}
    kind = "parquet" if files else str(source)
    with _data_errors(source):
        found = datasets.load_dataset(kind, split="train", streaming=True, **options)
        if "image" not in (found.column_names or ["image"]):
            raise DataError(f"{source} has no column 'image', only {found.column_names}")
        return found


def _table(source: str | Path, files: list[str]) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield the rows of a table; the bytes of a missing image are empty."""
    from fsspec.core import url_to_fs

    with _data_errors(source):
        tables = _opened(source, files).with_format("arrow").iter(ROWS_PER_READ)
        rows_of = itertools.chain.from_iterable(table.to_pylist() for table in tables)
        for number, row in enumerate(rows_of):
            image = row.pop("image") or {"bytes": b"", "path": None}
            content = image["bytes"]
            if content is None:
                filesystem, path = url_to_fs(image["path"])
                content = filesystem.cat_file(path)
            yield image["path"] or f"row {number}", content, row


@contextmanager
def _data_errors(source: str | Path) -> Iterator[None]:
    """Map all exceptions to DataError within this context."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # pyarrow, fsspec and the Hub's client raise many types
        raise DataError(
            f"{source} is no folder of pictures, parquet files or data set of the Hub that can be "
            f"read ({type(error).__name__}: {error})"
        ) from error


def decode_image(content: bytes, size: int, channels: int, grey: bool = False) -> np.ndarray | str:
    """Decode an image to (C, H, W) uint8, or return the reason for skipping it.

    grey: accept greyscale images also with 3 channels.
    """
    pixels = _jpeg(content) if channels == 3 else None
    if pixels is None or pixels.shape != (size, size, 3):
        try:
            with Image.open(io.BytesIO(content)) as image:
                if image.size != (size, size):
                    return f"not {size}x{size}"
                pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return "broken"
    if (
        channels == 3
        and not grey
        and all(map(_is_grey, (pixels[::GREY_CHECK_STRIDE, ::GREY_CHECK_STRIDE], pixels)))
    ):
        return "grey"
    return np.atleast_3d(pixels).transpose(2, 0, 1)


def _jpeg(content: bytes) -> np.ndarray | None:
    """Decode an ordinary JPEG to (H, W, 3) uint8 with OpenCV, in half of Pillow's time.

    The result equals Pillow's. Returns None for files that Pillow should decode: other formats,
    truncated or greyscale files, and files with an Adobe marker, which may be CMYK.
    """
    if content[:2] != JPEG_START or content[-2:] != JPEG_END or b"Adobe" in content:
        return None
    try:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # the header has an invalid size
        return None
    return found[:, :, ::-1] if found is not None and found.ndim == 3 else None


def _is_grey(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[:, :, :1]).all())
