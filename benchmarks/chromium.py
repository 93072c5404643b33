"""The Chromium used by tests and benchmarks."""

from __future__ import annotations

import shutil

EXECUTABLE = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""Debian's Chromium; its headless shell opens a page in two thirds of the time. None: Playwright's
own browser is used."""
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)
