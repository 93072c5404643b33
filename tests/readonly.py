"""Runs a program that may write below one folder only, as on a Space: readonly.py FOLDER app.py.

The kernel would let a test that runs as root write anywhere, so an audit hook refuses instead.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.truncate",
           "shutil.rmtree", "shutil.move"}  # fmt: skip


def watch(folder: Path) -> None:
    allowed = (str(folder), "/dev/", "/proc/self/")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and bool(flags & WRITING)
        else:
            path, writes = (arguments or (None,))[0], event in CHANGES
        if writes and isinstance(path, str | bytes | os.PathLike):
            absolute = str(Path(os.fsdecode(path)).absolute())
            if not absolute.startswith(allowed):
                raise PermissionError(f"{event} of {absolute}, outside {folder}")

    sys.addaudithook(hook)


if __name__ == "__main__":
    watch(Path(sys.argv[1]).resolve())
    program = Path(sys.argv[2]).resolve()
    sys.argv = [str(program)]
    sys.path.insert(0, str(program.parent))
    runpy.run_path(str(program), run_name="__main__")
