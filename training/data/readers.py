"""Where pictures come from: parquet in the Hub's image format, folders, Hub data sets, LMDB."""

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
"""How a whole JPEG begins and ends."""
GREY_CHECK_STRIDE = 8
"""Every so manieth pixel along either side tells most coloured pictures from grey ones."""
ROWS_PER_READ = 256
"""Rows of a table that are read at a time."""


class DataError(ValueError):
    """Images that can't be trained on; the message says which and what to do."""


def read_rows(
    source: str | Path, columns: Set[str] = frozenset()
) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """(name, encoded picture, other columns) of every picture.

    source: a parquet file, a folder with some, a folder of pictures (searched recursively), an LMDB
    of encoded pictures as LSUN's, or the name of a Hub data set, which is streamed. Raises
    DataError, also where one of the columns is missing.
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
    """Parquet files, none of which is a Hub data set; None of a folder or database of pictures."""
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
    """The types of the columns that `read_rows` gives beside the picture, as `datasets` names
    them."""
    if (files := _tables(source)) is None:
        return {}
    types = dict(_opened(source, files).features or {})
    types.pop("image", None)
    return types


def find_test_file(folder: str) -> Path:
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


def _opened(source: str | Path, files: list[str]) -> Any:
    """Parquet files, or the Hub's data set `source` where there are none, a row at a time."""
    import datasets

    options: dict[str, Any] = {"data_files": files} if files else {}
    kind = "parquet" if files else str(source)
    with _data_errors(source):
        found = datasets.load_dataset(kind, split="train", streaming=True, **options)
        if "image" not in (found.column_names or ["image"]):
            raise DataError(f"{source} has no column 'image', only {found.column_names}")
        return found


def _table(source: str | Path, files: list[str]) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Bytes are empty where the picture is missing."""
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
    """Whatever goes wrong in it becomes a DataError."""
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
    """(C, H, W) uint8, or the reason why the picture is left out."""
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
    """(H, W, 3) uint8 of an ordinary JPEG, the same bytes as Pillow's in half the time.

    None of what Pillow has to look at: other formats, what is cut off or grey, and pictures with
    Adobe's mark, which may be for print (CMYK).
    """
    if content[:2] != JPEG_START or content[-2:] != JPEG_END or b"Adobe" in content:
        return None
    try:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # of a size that no picture has
        return None
    return found[:, :, ::-1] if found is not None and found.ndim == 3 else None


def _is_grey(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[:, :, :1]).all())
