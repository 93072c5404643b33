"""The option that commands share which score images by attribute classifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ClassifierFolder = Annotated[
    Path, typer.Option("--classifiers", "--judges", help="Folder of the attribute classifiers.")
]
