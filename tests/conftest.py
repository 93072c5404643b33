"""What several test files need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and reference weights, which are not part of the repository."""
    root = Path(__file__).parents[1]
    folder = root / os.environ.get("DCGAN_SHARED", "../shared")
    if not folder.is_dir():
        pytest.skip(f"needs the shared data: there is no {folder} (set DCGAN_SHARED)")
    return folder
