"""Shipped exemplars of a model, by name, and what can be done with them (figures 7 and 8).

sets.json beside a model's weights; each z is a text as in a picture's spec:

    {"exemplars": {"smiling woman": ["z(1,4)", "z(1,9)", "z(2,7)"], ...},
     "sums": [["smiling woman", "neutral woman", "neutral man"], ...],      A - B + C
     "turns": [["looking left", "looking right"], ...]}                     from, to

And map.json, draws of one seed laid out in a square so that neighbours are alike, row by row:

    {"seed": 1, "draws": [[17, 204, ...], ...]}
"""

from __future__ import annotations

import json
from typing import Any, TypedDict, cast

from dcgan.latents.spec import VERSION, Draw, SpecError, Z, parse

MAX_LATENTS_PER_EXEMPLAR = 16
"""As many as a mean takes."""


class ExemplarSets(TypedDict):
    exemplars: dict[str, list[str]]
    sums: list[list[str]]
    turns: list[list[str]]


class LatentMap(TypedDict):
    seed: int
    draws: list[list[int]]


class ExemplarError(ValueError):
    """What is wrong with a text of sets, as a sentence."""


def no_exemplars() -> ExemplarSets:
    return {"exemplars": {}, "sums": [], "turns": []}


def parse_exemplars(text: str) -> ExemplarSets:
    """Raises ExemplarError unless every z can be read and every name is known."""
    try:
        sets = json.loads(text)
    except ValueError as error:
        raise ExemplarError(f"it is not valid JSON ({error})") from None
    if not isinstance(sets, dict) or sets.keys() != ExemplarSets.__annotations__.keys():
        raise ExemplarError('it must hold "exemplars", "sums" and "turns", and nothing else')
    exemplars = sets["exemplars"]
    if not isinstance(exemplars, dict):
        raise ExemplarError('"exemplars" must give lists of z\'s by name')
    for name, texts in exemplars.items():
        if not isinstance(texts, list) or not 1 <= len(texts) <= MAX_LATENTS_PER_EXEMPLAR:
            raise ExemplarError(
                f"the exemplar {name!r} must be a list of 1 to {MAX_LATENTS_PER_EXEMPLAR} z's"
            )
        for z in texts:
            try:
                parse_latent(z)
            except SpecError as error:
                raise ExemplarError(f"the exemplar {name!r} has the z {z!r}: {error}") from None
    for kind, size in (("sums", 3), ("turns", 2)):
        groups = sets[kind]
        if not isinstance(groups, list) or not all(
            isinstance(group, list) and len(group) == size for group in groups
        ):
            raise ExemplarError(f'"{kind}" must list groups of {size} names')
        for name in (name for group in groups for name in group):
            if not isinstance(name, str) or name not in exemplars:
                raise ExemplarError(f'"{kind}" names {name!r}, which is not among the exemplars')
    return cast(ExemplarSets, sets)


def parse_map(text: str) -> LatentMap:
    """Raises ExemplarError for anything but a square of at least 2 x 2 draws."""
    try:
        atlas = json.loads(text)
        if not isinstance(atlas, dict):
            raise ValueError("it is not one JSON object")
        seed, draws = atlas["seed"], atlas["draws"]
        for number in (number for row in draws for number in row):
            Draw(seed, number)
    except (ValueError, TypeError, KeyError) as error:
        raise ExemplarError(f"it is no map of draws ({error})") from None
    if len(draws) < 2 or any(len(row) != len(draws) for row in draws):
        raise ExemplarError("its draws must be a square of at least 2 x 2")
    return {"seed": seed, "draws": draws}


def parse_latent(text: Any) -> Z:
    """A z by its text in canonical form. Raises SpecError."""
    if not isinstance(text, str):
        raise SpecError("a z must be a text such as z(1,0)")
    spec = parse(f"{VERSION}:sets@00000000:{text}")
    if str(spec.z) != text:
        raise SpecError(f"write it as {spec.z}, without edits")
    return spec.z
