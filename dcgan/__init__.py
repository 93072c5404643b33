"""See what a DCGAN has learned: networks, latent space and pictures of arXiv 1511.06434."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcgan.api import render, walk
    from dcgan.models.checkpoint import load
    from dcgan.models.pretrained import Discriminator as Discriminator
    from dcgan.models.pretrained import Generator as Generator

# ONNX Runtime reports to its makers, unless it is told before it is imported that it shall not
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = ["load", "render", "walk"]
_NETWORKS = ("Discriminator", "Generator")
"""Not in `__all__`: `from dcgan import *` shall not read torch."""


def __getattr__(name: str) -> object:
    """What is exported is read at first use: the page starts without it."""
    if name not in (*__all__, *_NETWORKS):
        raise AttributeError(f"module 'dcgan' has no attribute {name!r}")
    if name in _NETWORKS:
        from dcgan.models import pretrained

        return getattr(pretrained, name)
    from dcgan import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__, *_NETWORKS]
