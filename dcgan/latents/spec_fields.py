"""Fields of a spec's syntax nodes: numbers, names, feature maps, masks, nested nodes."""

from __future__ import annotations

import base64
import itertools
import math
import re
import reprlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MAX_UNIT = 4095
MAX_MASK_BYTES = 2048
MAX_VALUES = 1024
VALUE_STEPS = 4096


class SpecError(ValueError):
    """An invalid spec or part of one; the message says which and why."""


class Field(Protocol):
    """Type of a field: parsing, validation and printing of its values."""

    def read(self, word: Any, /) -> object:
        """Parse a word; return the word itself if it is invalid, for `check` to reject."""
        ...

    def check(self, what: str, value: Any, /) -> Any:
        """Return the canonical value. Raises SpecError, whose message names the field `what`."""
        ...

    def write(self, value: Any, /) -> str:
        """Print a canonical value."""
        ...


@dataclass(frozen=True)
class IntField:
    """An integer from `low` to `high`."""

    low: int
    high: int

    def read(self, word: str) -> object:
        return int(word) if re.fullmatch("-?[0-9]+", word) else word

    def check(self, what: str, value: object) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise field_error(what, f"a whole number from {self.low} to {self.high}", value)
        return value

    def write(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class DecimalField:
    """A number from `low` to `high`, rounded to 6 decimals.

    Rounding is sign * floor(|x| * 1e6 + 0.5) / 1e6 in doubles, as in JavaScript.
    """

    low: int
    high: int

    def read(self, word: str) -> object:
        return float(word) if re.fullmatch(r"-?[0-9]+(\.[0-9]{1,6}0*)?", word) else word

    def check(self, what: str, value: object) -> float:
        if type(value) is bool or not (
            isinstance(value, int | float) and self.low <= value <= self.high
        ):
            expected = f"a number from {self.low} to {self.high} with at most 6 decimals"
            raise field_error(what, expected, value)
        millionths = math.floor(abs(value) * 1e6 + 0.5)
        return (millionths if value > 0 else -millionths) / 1e6

    def write(self, value: float) -> str:
        return f"{value:.6f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class PatternField:
    """A word that matches a regular expression. expected: its description in error messages."""

    pattern: str
    expected: str

    def read(self, word: str) -> object:
        return word

    def check(self, what: str, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise field_error(what, self.expected, value)
        return value

    def write(self, value: str) -> str:
        return value


class UnitsField:
    """Numbers of feature maps, from 0; (1, 5, 7, 8, 9) is written 1.5.7-9."""

    def read(self, word: str) -> object:
        maps: set[int] = set()
        for run in word.split("."):
            ends = re.fullmatch("([0-9]+)(?:-([0-9]+))?", run)
            if ends is None:
                return word
            first, last = int(ends[1]), int(ends[2] or ends[1])
            if not first <= last <= MAX_UNIT:
                return word
            maps.update(range(first, last + 1))
        return tuple(maps)

    def check(self, what: str, value: object) -> tuple[int, ...]:
        if (
            not isinstance(value, tuple | list)
            or not value
            or not all(type(number) is int and 0 <= number <= MAX_UNIT for number in value)
        ):
            raise field_error(what, f"feature maps from 0 to {MAX_UNIT}, as in 1.5.7-9", value)
        return tuple(sorted(set(value)))

    def write(self, value: tuple[int, ...]) -> str:
        runs = itertools.groupby(enumerate(value), lambda place: place[1] - place[0])
        numbers = ([number for _, number in run] for _, run in runs)
        return ".".join(f"{n[0]}-{n[-1]}" if len(n) > 1 else f"{n[0]}" for n in numbers)


class MaskField:
    """Mask in base64url: one bit per cell of a layer, row by row, as packed by numpy.packbits."""

    def read(self, word: str) -> object:
        return _from_base64(word)

    def check(self, what: str, value: object) -> bytes:
        if not isinstance(value, bytes) or not 1 <= len(value) <= MAX_MASK_BYTES:
            raise field_error(what, f"1 to {MAX_MASK_BYTES} bytes, as text in base64url", value)
        return value

    def write(self, value: bytes) -> str:
        return _to_base64(value)


class ValuesField:
    """Numbers from -8 to 8 in steps of 1/VALUE_STEPS, as little-endian int16 in base64url."""

    def read(self, word: str) -> object:
        content = _from_base64(word)
        if isinstance(content, str) or len(content) % 2:
            return word
        return tuple(number / VALUE_STEPS for (number,) in struct.iter_unpack("<h", content))

    def check(self, what: str, value: object) -> tuple[float, ...]:
        expected = f"1 to {MAX_VALUES} numbers from -8 to 8, as text in base64url"
        if (
            not isinstance(value, tuple | list)
            or not 1 <= len(value) <= MAX_VALUES
            or not all(isinstance(x, int | float) and -8 <= x <= 8 for x in value)
            or any(type(x) is bool for x in value)
        ):
            raise field_error(what, expected, value)
        return tuple(
            min(math.floor(x * VALUE_STEPS + 0.5), 8 * VALUE_STEPS - 1) / VALUE_STEPS for x in value
        )

    def write(self, value: tuple[float, ...]) -> str:
        return _to_base64(b"".join(struct.pack("<h", round(x * VALUE_STEPS)) for x in value))


@dataclass(frozen=True)
class NodeField:
    """A nested node of type `of`; its text is str(node)."""

    of: type
    expected: str

    def read(self, word: str) -> object:
        return word

    def check(self, what: str, value: object) -> object:
        if not isinstance(value, self.of):
            raise field_error(what, self.expected, value)
        return value

    def write(self, value: object) -> str:
        return str(value)


@dataclass(frozen=True)
class PairField:
    """Two values, separated by a comma."""

    first: Field
    second: Field
    expected: str

    def read(self, words: Sequence[object]) -> object:
        return tuple(map(read_field, (self.first, self.second), words))

    def check(self, what: str, value: object) -> tuple[Any, Any]:
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise field_error(what, self.expected, value)
        return self.first.check(what, value[0]), self.second.check(what, value[1])

    def write(self, value: tuple[Any, Any]) -> str:
        return f"{self.first.write(value[0])},{self.second.write(value[1])}"


@dataclass(frozen=True)
class ListField:
    """`low` to `high` values of one field, separated by commas."""

    field: Field
    low: int
    high: int
    items: str

    def read(self, words: Sequence[object]) -> object:
        if isinstance(self.field, PairField):
            words = [words[i : i + 2] for i in range(0, len(words), 2)]
        return [read_field(self.field, word) for word in words]

    def check(self, what: str, value: object) -> tuple[Any, ...]:
        expected = f"{self.low} to {self.high} {self.items}"
        if not isinstance(value, tuple | list):
            raise field_error(what, expected, value)
        if not self.low <= len(value) <= self.high:
            raise SpecError(f"{what} must be {expected}, not {len(value)}")
        return tuple(
            self.field.check(f"item {i} of {what}", item) for i, item in enumerate(value, start=1)
        )

    def write(self, value: tuple[Any, ...]) -> str:
        return ",".join(map(self.field.write, value))


def _from_base64(word: str) -> bytes | str:
    """Decode base64url without padding; return the word itself if it is invalid."""
    if not re.fullmatch("[A-Za-z0-9_-]+", word) or len(word) % 4 == 1:
        return word
    return base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))


def _to_base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def read_field(field: Field, argument: object) -> object:
    """Parse a word or a list of words; any other argument is a value already."""
    return field.read(argument) if isinstance(argument, str | list) else argument


def field_error(what: str, expected: str, value: object) -> SpecError:
    """Return the error for a value that a field does not accept."""
    return SpecError(f"{what} must be {expected}, not {reprlib.repr(value)}")
