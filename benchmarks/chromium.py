"""The Chromium that tests and benchmarks drive."""

from __future__ import annotations

import shutil

EXECUTABLE = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""Debian's, of which the one without windows opens a page in two thirds of the time; None, where
there is none, for Playwright's own."""
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)
