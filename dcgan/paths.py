"""Where the package's own files lie, and those of a clone of the repository."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
WEB = PACKAGE / "ui" / "web"
"""The page's JavaScript, HTML, styles and locales."""
IS_CLONE = (PACKAGE.parent / "app.py").is_file()
"""Whether the package lies in a clone of the repository, or in a Space, which is a copy of one."""
REPOSITORY = PACKAGE.parent if IS_CLONE else PACKAGE / "clone"
"""The clone. For an installed package a folder that does not exist, so that none of a clone's files
is found, nor a file of the same name in site-packages."""


class NoCloneError(OSError):
    """A feature that reads a clone's files, asked of an installed package."""


def require_clone(what: str) -> None:
    """Raise NoCloneError, in one sentence, where the package is installed without a clone."""
    if not IS_CLONE:
        raise NoCloneError(
            f"{what} needs a clone of the repository, and this dcgan is installed in "
            f"{PACKAGE.parent} without one: clone it, and run the same command there, with "
            "`python -m`"
        )
