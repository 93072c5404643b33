"""`--set FIELD=VALUE`: overrides of a recipe's or its network's fields on the command line."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from training.recipes import CHANGEABLE_FIELDS, Recipe

SET_BY_HAND = "set by hand"
"""Reason given in a recipe's deviations for a field that was overridden."""


class OverrideError(ValueError):
    """An assignment to an unknown field or of an invalid value; the message says which."""


def override(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """Return a copy of the recipe with fields replaced and listed as deviations.

    assignments: such as "batch_size=64", "model.prior=normal", "model.generator_widths=256,128",
    "augmentation.cutout=0.5" or 'keep={"label": [7]}'. They are validated together, in any order.

    Raises OverrideError.
    """
    values = dict(_parsed(recipe, assignment) for assignment in assignments)
    if not values:
        return recipe
    deviations = {**recipe.deviations, **dict.fromkeys(values, SET_BY_HAND)}
    try:
        return _replaced(recipe, {**values, "deviations": deviations})
    except ValueError as error:
        raise OverrideError(f"--set {' --set '.join(assignments)}: {error}") from None


def field_types(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return names and types of the fields that can be set; nested ones are like "model.prior"."""
    found: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if dataclasses.is_dataclass(value):
            found |= field_types(value, f"{prefix}{name}.")
        elif f"{prefix}{name}" not in CHANGEABLE_FIELDS - {"compile", "prefetch"}:
            found[f"{prefix}{name}"] = hint
    return found


def _parsed(recipe: Recipe, assignment: str) -> tuple[str, Any]:
    name, equals, text = assignment.partition("=")
    if not equals:
        raise OverrideError(
            f"--set takes FIELD=VALUE, such as --set batch_size=64, not {assignment!r}"
        )
    known = field_types(recipe)
    if name not in known:
        raise OverrideError(f"there is no field {name!r}: {_nearest(name, list(known))}")
    try:
        return name, TypeAdapter(known[name]).validate_python(_split(known[name], text))
    except (ValidationError, json.JSONDecodeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise OverrideError(
            f"{name} can't be {text!r} ({reason}); it is {_value(recipe, name)!r} without --set"
        ) from None


def _split(hint: Any, text: str) -> Any:
    """Prepare a value for pydantic; lists of numbers may be written "256,128" or "[256, 128]"."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        return [part.strip() for part in text.strip("[]() ").split(",")]
    if origin is dict:
        return json.loads(text)
    optional = origin in (types.UnionType, typing.Union)
    return None if optional and text in ("", "none") else text


def _nearest(name: str, known: list[str]) -> str:
    last = {full.rpartition(".")[2]: full for full in known}
    close = difflib.get_close_matches(name, known, cutoff=0.5)
    close += [last[part] for part in difflib.get_close_matches(name, last, cutoff=0.6)]
    if close:
        return f"the nearest are {', '.join(dict.fromkeys(close))}"
    return f"choose one of {', '.join(known)}"


def _value(settings: Any, name: str) -> Any:
    for part in name.split("."):
        settings = getattr(settings, part)
    return settings


def _replaced(settings: Any, values: Mapping[str, Any]) -> Any:
    """Replace fields of nested dataclasses.

    All fields of one dataclass are replaced at once, because they are validated together.
    """
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        field, dot, rest = name.partition(".")
        if dot:
            nested.setdefault(field, {})[rest] = value
        else:
            own[field] = value
    for field, changes in nested.items():
        own[field] = _replaced(getattr(settings, field), changes)
    return dataclasses.replace(settings, **own)
