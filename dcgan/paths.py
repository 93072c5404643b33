"""Paths of the package's own files and of those in a clone of the repository."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
WEB = PACKAGE / "ui" / "web"
"""The page's JavaScript, HTML, styles and locales."""
IS_CLONE = (PACKAGE.parent / "app.py").is_file()
"""Whether the package is in a clone of the repository, or in a Space, which is a copy of one."""
REPOSITORY = PACKAGE.parent if IS_CLONE else PACKAGE / "clone"
"""Folder of the clone. For an installed package, a folder that does not exist.

This way none of a clone's files is found, and no file of the same name in site-packages either.
"""


class NoCloneError(OSError):
    """A feature needs files of a clone, but the package is installed without one."""


def require_clone(what: str) -> None:
    """Raise NoCloneError if the package is installed without a clone. what: the feature's name."""
    if not IS_CLONE:
        raise NoCloneError(
            f"{what} needs a clone of the repository, and this dcgan is installed in "
            f"{PACKAGE.parent} without one: clone it, and run the same command there, with "
            "`python -m`"
        )
