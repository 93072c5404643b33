"""Files that may lie beside a checkpoint's weights: directions, exemplars, a map, boxes, ...

A checkpoint works without any of them, and with a damaged one: what is wrong with it is a sentence
that names the file, and only what the file is for is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Content = TypeVar("Content")
MAX_BYTES = 64 * 2**20
"""Bytes of a side file that is read."""
DAMAGE = (
    OSError,
    ValueError,  # JSON, Unicode, numbers of thousands of digits, and our own errors of content
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What reading and parsing a damaged file raises."""


class CheckpointError(ValueError):
    """A checkpoint that can't be found or read; the message says what is wrong with which file."""


def read_side_file(path: Path, parse: Callable[[str], Content], wrong: str) -> Content:
    """What `parse` makes of the text of a side file.

    wrong: what a damaged file is said to be, such as "is not a table of directions". Raises
    CheckpointError for a file that can't be read, is larger than MAX_BYTES, or that `parse` refuses
    with one of `DAMAGE`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 2**20} MB")
        return parse(path.read_text(encoding="utf-8"))
    except CheckpointError:
        raise
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(f"{path} {wrong} ({reason})") from None
