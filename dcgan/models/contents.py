"""What lies beside a checkpoint's weights: card, directions, exemplars, map, boxes, networks.

Each is read when it is asked for, and once. It is damage where a file's name stands for something
else, a folder or a link to nothing, too.
"""

from __future__ import annotations

import functools
import json
import math
import reprlib
import shlex
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from dcgan.config import ModelConfig
from dcgan.latents.spec import check_direction_name
from dcgan.models import network_files
from dcgan.models.annotations import BoxSet, parse_boxes
from dcgan.models.exemplars import (
    ExemplarSets,
    LatentMap,
    no_exemplars,
    parse_exemplars,
    parse_map,
)
from dcgan.models.network_files import EncoderDescription, ProbeDescription
from dcgan.models.side_files import (
    COPY_AGAIN,
    DAMAGE,
    FOLDER,
    SideFileError,
    is_present,
    read_side_file,
    reason,
)
from dcgan.models.unit_fits import UnitFit, parse_unit_fit

CARD = "README.md"
DIRECTIONS = "directions.json"
EXEMPLARS = "sets.json"
MAP = "map.json"
BOXES = "boxes-*.json"
UNITS = "units-*.json"  # the fit of the set of boxes of the same name, see unit_fits.py
PROBE = f"{network_files.PROBE}.*"  # a classifier of D's features, see analysis/probe.py
ENCODER = f"{network_files.ENCODER}.*"  # a guess of a picture's z, see analysis/encoder.py
CARD_NUMBERS = "images_seen", "kid"
"""What the page takes from a card, and sorts by or sends as JSON."""

T = TypeVar("T")


class SideFiles:
    """The side files of a checkpoint.

    weights: gives the hash of its weights. lenient: a damaged file counts as absent, and `damaged`
    says what is wrong with it; otherwise asking for what it holds raises SideFileError.
    """

    def __init__(
        self, folder: Path, config: ModelConfig, weights: Callable[[], str], *, lenient: bool
    ) -> None:
        self._folder, self._config, self._weights = folder, config, weights
        self._lenient, self._found_damaged = lenient, dict[str, SideFileError]()

    @cached_property
    def damaged(self) -> dict[str, SideFileError]:
        """The damaged files, by their names."""
        _ = self.metadata, self.directions, self.sets, self.map, self.boxes, self.unit_fits
        _ = self.probe, self.encoder
        return dict(self._found_damaged)

    @cached_property
    def directions(self) -> dict[str, list[float]]:
        """Named directions in z, each `z_size` long."""
        parse = functools.partial(parse_directions, z_size=self._config.z_size)
        remedy = "make it anew with `python -m training directions FOLDER`"
        return self._read(DIRECTIONS, parse, "is not a table of directions", remedy, {})

    @cached_property
    def sets(self) -> ExemplarSets:
        """Named exemplars, and what they are for."""
        remedy = "make it anew with `python -m training exemplars FOLDER`"
        return self._read(
            EXEMPLARS, parse_exemplars, "can't be read as sets", remedy, no_exemplars()
        )

    @cached_property
    def map(self) -> LatentMap | None:
        """Draws laid out so that neighbours are alike."""
        remedy = "make it anew with `python -m training map FOLDER`"
        return self._read(MAP, parse_map, "can't be read as a map", remedy, None)

    @cached_property
    def boxes(self) -> dict[str, BoxSet]:
        """Sets of boxes drawn in samples, by their names."""
        found: dict[str, BoxSet] = {}
        for path in self._named(BOXES):
            boxes = self._try(functools.partial(self._read_boxes, path), None)
            if boxes is not None:
                found[boxes.name] = boxes
        return found

    @cached_property
    def unit_fits(self) -> dict[str, UnitFit]:
        """The maps that sets of boxes speak for, by the names of the sets."""
        found: dict[str, UnitFit] = {}
        for path in self._named(UNITS):
            fit = self._try(functools.partial(self._read_units, path), None)
            if fit is not None:
                found[_set_name(path)] = fit
        return found

    @cached_property
    def probe(self) -> ProbeDescription | None:
        """What the probe is; its tensors have the names and shapes that belong to it."""
        if not self._named(PROBE):
            return None
        files = network_files.probe_files(self._folder, self._weights())
        return self._try(lambda: network_files.read_probe(files, self._config), None)

    @cached_property
    def encoder(self) -> EncoderDescription | None:
        """What the encoder is; its tensors have the names and shapes that belong to it."""
        if not self._named(ENCODER):
            return None
        files = network_files.encoder_files(self._folder, self._weights())
        return self._try(lambda: network_files.read_encoder(files, self._config), None)

    @cached_property
    def card(self) -> str:
        """The text of the card."""
        remedy = f"correct it, or {COPY_AGAIN}"
        return self._read(CARD, str, "can't be read as a card", remedy, "", errors="replace")

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The card's front matter: images_seen, kid, license, ..."""
        path, card = self._folder / CARD, self.card
        return self._try(lambda: _parse_card(path, card), {}) if card else {}

    def _read(
        self,
        name: str,
        parse: Callable[[str], T],
        wrong: str,
        remedy: str,
        absent: T,
        errors: str = "strict",
    ) -> T:
        path = self._folder / name
        if not is_present(path):
            return absent
        return self._try(lambda: read_side_file(path, parse, wrong, remedy, errors=errors), absent)

    def _try(self, read: Callable[[], T], absent: T) -> T:
        try:
            return read()
        except SideFileError as error:
            if not self._lenient:
                raise
            self._found_damaged[error.path.name] = error
            return absent

    def _named(self, pattern: str) -> list[Path]:
        return sorted(self._folder.glob(pattern))

    def _read_boxes(self, path: Path) -> BoxSet:
        def parse(text: str) -> BoxSet:
            boxes = parse_boxes(text)
            boxes.check(self._config)
            if boxes.weights != self._weights():
                raise ValueError(
                    f"its pictures are of the weights {boxes.weights}, not {self._weights()}"
                )
            return boxes

        wrong = "is no set of boxes for these weights"
        remedy = f"draw the boxes anew on the page and save them there, or {COPY_AGAIN}"
        return read_side_file(path, parse, wrong, remedy)

    def _read_units(self, path: Path) -> UnitFit:
        def parse(text: str) -> UnitFit:
            return parse_unit_fit(text, self._config, boxes and boxes.layer)

        boxes = self.boxes.get(_set_name(path))
        units, set_file = (
            f"{FOLDER}/{shlex.quote(name)}"
            for name in (path.name, BOXES.replace("*", _set_name(path)))
        )
        command = f"python -m dcgan units {FOLDER} {set_file} > {units}"
        return read_side_file(
            path, parse, "holds no fit of a set of boxes", f"write it anew with `{command}`"
        )


def parse_directions(text: str, z_size: int) -> dict[str, list[float]]:
    """Raises ValueError or OverflowError for a text that is no table of directions in such a z."""
    table = json.loads(text)
    if not isinstance(table, dict):
        raise ValueError("it is not one JSON object")
    for name, vector in table.items():
        check_direction_name(name)
        if type(vector) is not list or not all(map(_is_number, vector)):
            raise ValueError(f"every direction must be a list of numbers, as {name} is not")
        if len(vector) != z_size or not all(map(math.isfinite, vector)):
            raise ValueError(
                f"every direction must have {z_size} finite numbers, as z has, and {name} has not"
            )
    return {name: [float(x) for x in vector] for name, vector in table.items()}


def _parse_card(path: Path, card: str) -> dict[str, Any]:
    from huggingface_hub import ModelCard
    from yaml import YAMLError

    remedy = f"correct it, or {COPY_AGAIN}"
    try:
        facts = ModelCard(card, ignore_metadata_errors=True).data.to_dict()
    except (YAMLError, *DAMAGE) as error:
        wrong = f"has a front matter that is not a table in YAML ({reason(error, path)})"
        raise SideFileError(path, wrong, remedy) from None
    for name in CARD_NUMBERS:
        value = facts.get(name)
        if value is not None and not (_is_number(value) and abs(value) <= sys.float_info.max):
            wrong = f"has no finite number as {name}, but {reprlib.repr(value)}"
            raise SideFileError(path, wrong, remedy)
    return facts


def _set_name(path: Path) -> str:
    """Of units-NAME.json."""
    return path.stem.partition("-")[2]


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
