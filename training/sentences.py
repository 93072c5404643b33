"""What goes wrong in a command, as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dcgan import checkpoint
from dcgan.boxes import BoxesError
from dcgan.features import FeatureError
from dcgan.spec import SpecError
from training import ship as shipping
from training.exemplars import ExemplarError
from training.loop import TrainingError
from training.named import NamedError
from training.overrides import OverrideError
from training.recipes import RecipeError
from training.records import RecordError
from training.sources import DataError
from training.state import StateError


@contextmanager
def in_one_sentence() -> Iterator[None]:
    try:
        yield
    except (
        DataError,
        StateError,
        TrainingError,
        shipping.ShipError,
        ExemplarError,
        NamedError,
        OverrideError,
        RecipeError,
        RecordError,
        checkpoint.CheckpointError,
        BoxesError,
        SpecError,
        FeatureError,
        OSError,
    ) as error:
        typer.secho(f"Error: {error}", err=True, fg="red")
        raise typer.Exit(1) from None
