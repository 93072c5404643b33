"""PictureSpec: the text that determines an image, used in links, metadata and the history.

    spec = "v1:" model "@" weights ":" z { ":" edit }
    z    = "z(" seed "," index ")"                           a sample from the model's prior
         | "at(" values ")"                                  any other latent, by its values
         | "mean(" z { "," z } ")"                           an exemplar: the mean of 2 to 16
         | "sum(" weight "," z { "," weight "," z } ")"
         | "lerp(" t "," z "," z ")" | "slerp(" t "," z "," z ")"
         | "noise(" amplitude "," seed "," index "," z ")"   z + uniform noise (figure 7)
         | "move(" name "," amount { "," name "," amount } "," z ")"
         | "turn(" amount "," from "," to "," z ")"          z + amount * (to - from) (figure 8)
         | "scale(" factor "," z ")"
    edit = "gain(" layer "," gain "," maps [ "," mask ] ")"  feature maps times gain (6.3.1)
         | "class(" label ")"                                for a class-conditional model

Weights are identified by the first 8 hexadecimal digits of their SHA-256. The ranges of values are
given with the fields below. Every spec has a single canonical text, which JavaScript computes
identically. The parser also accepts white space between tokens, redundant zeros in numbers, and
feature maps in any order.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar, get_type_hints

from dcgan.latents.spec_fields import (
    DecimalField,
    Field,
    IntField,
    ListField,
    MaskField,
    NodeField,
    PairField,
    PatternField,
    SpecError,
    UnitsField,
    ValuesField,
    read_field,
)

VERSION = "v1"
MAX_TEXT = 4096
MAX_DEPTH = 8
MAX_DRAWS = 64


class _Node:
    """Syntax node name(field,field,...); the annotation of each dataclass field is its `Field`.

    Constructors raise SpecError for values that the text can't express, and round to 6 decimals.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, name: str | None = None) -> None:
        cls.name = name or cls.__name__.lower()

    def __post_init__(self) -> None:
        for name, field, optional in _fields(type(self)):
            value = getattr(self, name)
            if value is not None or not optional:
                object.__setattr__(self, name, field.check(f"{self.name}'s {name}", value))

    def __str__(self) -> str:
        values = ((field, getattr(self, name)) for name, field, _ in _fields(type(self)))
        return f"{self.name}({','.join(f.write(v) for f, v in values if v is not None)})"


class _Latent(_Node):
    """Expression for a latent, at most MAX_DEPTH nodes deep, with at most MAX_DRAWS leaves."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._depth() > MAX_DEPTH:
            raise SpecError(f"this {self.name} is nested deeper than {MAX_DEPTH}: simplify its z")
        if self._draws() > MAX_DRAWS:
            raise SpecError(f"this {self.name} is made of more than {MAX_DRAWS} draws: use fewer")

    def parts(self) -> Iterator[_Latent]:
        """Yield this node and all nodes below it."""
        yield self
        for part in self._parts():
            yield from part.parts()

    def _depth(self) -> int:
        return 1 + max((z._depth() for z in self._parts()), default=0)

    def _draws(self) -> int:
        return sum(z._draws() for z in self._parts()) or 1

    def _parts(self) -> Iterator[_Latent]:
        return _latents(tuple(getattr(self, name) for name, _, _ in _fields(type(self))))


_NAME = "[a-z0-9_-]{1,64}"
_CHARACTERS = "of the characters a-z, 0-9, _ and -"
_DIRECTION = PatternField(_NAME, f"a name {_CHARACTERS}")
_LATENT = NodeField(_Latent, "a z such as z(1,0)")
_FACTOR = DecimalField(-100, 100)
_TERM = PairField(_FACTOR, _LATENT, "a weight and a z")
_STEP = PairField(_DIRECTION, _FACTOR, "a direction and an amount")
_LABEL = IntField(0, 9999)

Z: TypeAlias = Annotated[
    "Draw | At | Mean | Sum | Lerp | Slerp | Noise | Move | Turn | Scale", _LATENT
]
Seed: TypeAlias = Annotated[int, IntField(0, 2**53 - 1)]
Index: TypeAlias = Annotated[int, IntField(0, 2**32 - 1)]
Fraction: TypeAlias = Annotated[float, DecimalField(0, 1)]
Factor: TypeAlias = Annotated[float, _FACTOR]


@dataclass(frozen=True)
class Draw(_Latent, name="z"):
    """Sample number `index` of the latents of `seed`."""

    seed: Seed
    index: Index


@dataclass(frozen=True)
class At(_Latent):
    """A latent given by its values, in steps of 1/4096, such as the result of an inversion."""

    values: Annotated[tuple[float, ...], ValuesField()]


@dataclass(frozen=True)
class Mean(_Latent):
    """Mean of latents: an exemplar (figure 7)."""

    zs: Annotated[tuple[Z, ...], ListField(_LATENT, 2, 16, "z's")]


@dataclass(frozen=True)
class Sum(_Latent):
    """Weighted sum of latents. terms: (weight, z) pairs."""

    terms: Annotated[tuple[tuple[float, Z], ...], ListField(_TERM, 1, 64, "weighted z's")]


@dataclass(frozen=True)
class Lerp(_Latent):
    """Linear interpolation, from start at t = 0 to end at t = 1."""

    t: Fraction
    start: Z
    end: Z


@dataclass(frozen=True)
class Slerp(_Latent):
    """Spherical interpolation, from start at t = 0 to end at t = 1."""

    t: Fraction
    start: Z
    end: Z


@dataclass(frozen=True)
class Noise(_Latent):
    """z plus uniform noise in [-amplitude, amplitude); the amplitude is 0.25 in figure 7."""

    amplitude: Annotated[float, DecimalField(0, 10)]
    seed: Seed
    index: Index
    z: Z


@dataclass(frozen=True)
class Move(_Latent):
    """z plus steps along directions. steps: pairs of a direction's name and an amount."""

    steps: Annotated[tuple[tuple[str, float], ...], ListField(_STEP, 1, 16, "steps")]
    z: Z


@dataclass(frozen=True)
class Turn(_Latent):
    """z + amount * (end - start) (figure 8)."""

    amount: Factor
    start: Z
    end: Z
    z: Z


@dataclass(frozen=True)
class Scale(_Latent):
    """factor * z."""

    factor: Factor
    z: Z


@dataclass(frozen=True)
class Gain(_Node):
    """Edit that multiplies feature maps of a layer, after its ReLU, by `gain`; 0 ablates them.

    layer: from 1, the layer next to z. maps: numbers of the maps from 0, kept sorted. mask: cells
    in which the gain applies, as numpy.packbits of (H, W) booleans; None: everywhere.
    """

    layer: Annotated[int, IntField(1, 64)]
    gain: Annotated[float, DecimalField(0, 3)]
    maps: Annotated[tuple[int, ...], UnitsField()]
    mask: Annotated[bytes | None, MaskField()] = None


@dataclass(frozen=True)
class _Class(_Node, name="class"):
    label: Annotated[int, _LABEL]


@dataclass(frozen=True)
class PictureSpec(_Node, name="picture"):
    """Spec of an image. str(spec) is its canonical text, which `parse` reads back to an equal spec.

    model: name of the model. weights: first 8 hexadecimal digits of their SHA-256. z: latent.
    gains: edits. label: class of a class-conditional model.
    """

    model: Annotated[
        str, PatternField(f"{_NAME}(/{_NAME})?", f"one or two names {_CHARACTERS}, with /")
    ]
    weights: Annotated[str, PatternField("[0-9a-f]{8}", "8 hexadecimal digits (0-9, a-f)")]
    z: Z
    gains: Annotated[tuple[Gain, ...], ListField(NodeField(Gain, "a gain"), 0, 32, "gains")] = ()
    label: Annotated[int | None, _LABEL] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(str(self)) > MAX_TEXT:
            raise SpecError(
                f"this picture's text has {len(str(self))} characters, and at most "
                f"{MAX_TEXT} fit: use fewer draws, gains or masks"
            )

    def __str__(self) -> str:
        edits = self.gains if self.label is None else (*self.gains, _Class(self.label))
        return ":".join([VERSION, f"{self.model}@{self.weights}", str(self.z), *map(str, edits)])


_LATENTS: dict[str, type[Z]] = {
    c.name: c for c in (Draw, At, Mean, Sum, Lerp, Slerp, Noise, Move, Turn, Scale)
}
_EDITS: dict[str, type[Gain | _Class]] = {c.name: c for c in (Gain, _Class)}


def check_direction_name(name: str) -> None:
    """Raises SpecError for a direction's name that no text can have."""
    if not re.fullmatch(_NAME, name):
        raise SpecError(
            f"the direction {reprlib.repr(name)} can't stand in a picture's text: a name has 1 to "
            f"64 {_CHARACTERS}"
        )


def parse(text: str) -> PictureSpec:
    """Parse the text of a spec. Raises SpecError, whose message counts characters from 1."""
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise SpecError(f"a picture's text must be a string of at most {MAX_TEXT} characters")
    reader = _Reader(text)
    reader.expect(VERSION)
    reader.expect(":")
    model = reader.word("the model's name")
    reader.expect("@")
    weights = reader.word("8 digits of the weights' hash")
    reader.expect(":")
    z = reader.node(_LATENTS)
    edits = []
    while reader.accept(":"):
        edits.append(reader.node(_EDITS))
    reader.expect("", "':' or the end of the text")
    gains = tuple(edit for edit in edits if isinstance(edit, Gain))
    labels = [edit.label for edit in edits if isinstance(edit, _Class)]
    if len(labels) > 1:
        raise SpecError(f"a picture has one class(...) at most, not {len(labels)}")
    return PictureSpec(model, weights, z, gains, *labels)


N = TypeVar("N", bound=_Node)


class _Reader:
    """Recursive descent parser; tokens are words and single other characters."""

    def __init__(self, text: str) -> None:
        tokens = re.finditer(r"[A-Za-z0-9_./-]+|[^ \t\r\n]", text)
        end = (len(text) + 1, "")
        self._tokens = [*((t.start() + 1, t[0]) for t in tokens), end, end]
        self._next = 0

    def accept(self, token: str) -> bool:
        if self._tokens[self._next][1] != token:
            return False
        self._next += 1
        return True

    def expect(self, token: str, called: str = "") -> None:
        if not self.accept(token):
            raise self._unexpected(called or repr(token))

    def word(self, called: str) -> str:
        _, token = self._tokens[self._next]
        if not re.match("[A-Za-z0-9_./-]", token):
            raise self._unexpected(called)
        self._next += 1
        return token

    def node(self, types: Mapping[str, type[N]], depth: int = 1) -> N:
        at, name = self._tokens[self._next]
        if name not in types:
            raise self._unexpected(" or ".join(f"{name}(...)" for name in types))
        if depth > MAX_DEPTH:
            raise SpecError(f"at character {at}: a z may be nested {MAX_DEPTH} deep at most")
        self._next += 1
        self.expect("(")
        arguments = [self._argument(depth)]
        while self.accept(","):
            arguments.append(self._argument(depth))
        self.expect(")", "',' or ')'")
        try:
            return _build(types[name], arguments)
        except SpecError as error:
            raise SpecError(f"at character {at}: {error}") from None

    def _argument(self, depth: int) -> object:
        nested = self._tokens[self._next + 1][1] == "("
        return self.node(_LATENTS, depth + 1) if nested else self.word("a value")

    def _unexpected(self, expected: str) -> SpecError:
        at, token = self._tokens[self._next]
        found = reprlib.repr(token) if token else "the end of the text"
        return SpecError(f"at character {at}: expected {expected}, found {found}")


def _build(node: type[N], arguments: list[object]) -> N:
    """Build a node from its arguments: words, and nodes that are built already."""
    fields = _fields(node)
    if isinstance(fields[0][1], ListField):
        split = max(len(arguments) - len(fields) + 1, 0)
        arguments = [arguments[:split], *arguments[split:]]
    required = sum(not optional for *_, optional in fields)
    if not required <= len(arguments) <= len(fields):
        form = f"{node.name}({','.join(name for name, *_ in fields)})"
        raise SpecError(f"expected the values of {form}, found {len(arguments)}")
    return node(
        *(read_field(field, a) for (_, field, _), a in zip(fields, arguments, strict=False))
    )


@functools.cache
def _fields(node: type[Any]) -> list[tuple[str, Field, bool]]:
    """Return (name, field, optional) of a node's dataclass fields, in the order of the text."""
    hints = get_type_hints(node, include_extras=True)
    return [
        (f.name, hints[f.name].__metadata__[0], f.default is None) for f in dataclasses.fields(node)
    ]


def _latents(value: object) -> Iterator[_Latent]:
    if isinstance(value, _Latent):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _latents(item)
