"""Reading the files of a checkpoint, and saying what is wrong with a damaged one.

A checkpoint works without any of the files beside its weights, and with damaged ones: what is wrong
is a sentence that names the file and how to make it anew, and only what the file is for is missing.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Content = TypeVar("Content")
MAX_BYTES = 64 * 2**20
"""Bytes of a side file that is read."""
FOLDER = "FOLDER"
"""Stands for the checkpoint's folder in the commands of remedies."""
COPY_AGAIN = "copy or download it again"
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

    @property
    def for_visitors(self) -> str:
        """The sentence without what visitors of a server must not learn."""
        return str(self)


class SideFileError(CheckpointError):
    """One file of a checkpoint that can't be used.

    wrong: what it is instead, such as "is not a table of directions". remedy: how to get another;
    in its commands FOLDER stands for the checkpoint's folder. The message has the whole path, for
    the log of whoever runs the server; `for_visitors` has the file's name only.
    """

    def __init__(self, path: Path, wrong: str, remedy: str) -> None:
        super().__init__(path, wrong, remedy)  # as they are, so that the error can be pickled
        self.path, self._wrong, self._remedy = path, wrong, remedy

    def __str__(self) -> str:
        folder = shlex.quote(str(self.path.parent))
        return f"{self.path} {self._wrong}: {self._remedy.replace(FOLDER, folder)}"

    @property
    def for_visitors(self) -> str:
        return f"{self.path.name} {self._wrong}: {self._remedy}"


def read_side_file(
    path: Path,
    parse: Callable[[str], Content],
    wrong: str,
    remedy: str = COPY_AGAIN,
    *,
    errors: str = "strict",
) -> Content:
    """What `parse` makes of the text of a side file.

    wrong, remedy: of a damaged file, see `SideFileError`. errors: what becomes of bytes that are
    not UTF-8. Raises SideFileError for a file that can't be read, is larger than MAX_BYTES, or that
    `parse` refuses with one of `DAMAGE`.
    """
    try:
        if path.is_dir():
            raise ValueError("it is a folder")
        if path.exists() and not path.is_file():
            raise ValueError("it is not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 2**20} MB")
        return parse(path.read_text(encoding="utf-8", errors=errors))
    except DAMAGE as error:
        raise SideFileError(path, f"{wrong} ({reason(error, path)})", remedy) from None


def is_present(path: Path) -> bool:
    """Whether anything has this name: a folder and a link to nothing are damage, not absence."""
    return os.path.lexists(path)


def reason(error: Exception, path: Path) -> str:
    """What an error of reading a file says, in one line and without the path of its folder."""
    said = (isinstance(error, OSError) and error.strerror) or str(error)
    said = said.replace(str(path), path.name)
    return " ".join(said.split())[:200] or type(error).__name__


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
