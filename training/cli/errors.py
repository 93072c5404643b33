"""Error messages of commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dcgan.analysis.features import FeatureError
from dcgan.latents.spec import SpecError
from dcgan.models import checkpoint
from dcgan.models.annotations import BoxesError
from training.attributes.exemplars import ExemplarError
from training.cli.overrides import OverrideError
from training.core.loop import TrainingError
from training.core.state import StateError
from training.data.readers import DataError
from training.directions.attribute import DirectionError
from training.recipes import RecipeError
from training.records import RecordError
from training.release import release as shipping
from training.reports.korean import KoreanError


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Print expected errors as one sentence and exit with code 1, within this context."""
    try:
        yield
    except (
        DataError,
        StateError,
        TrainingError,
        shipping.ShipError,
        ExemplarError,
        DirectionError,
        OverrideError,
        RecipeError,
        RecordError,
        checkpoint.CheckpointError,
        BoxesError,
        SpecError,
        FeatureError,
        KoreanError,
        OSError,
    ) as error:
        typer.secho(f"Error: {error}", err=True, fg="red")
        raise typer.Exit(1) from None
