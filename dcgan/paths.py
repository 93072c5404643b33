"""Where the package's own files lie, and those of a clone of the repository."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
WEB = PACKAGE / "ui" / "web"
"""The page's JavaScript, HTML, styles and locales."""
REPOSITORY = PACKAGE.parent
"""The clone that the package is imported from. An installed package has none of its files."""
