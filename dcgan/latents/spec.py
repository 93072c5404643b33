"""PictureSpec: a picture is its text, be it in a link, a file's metadata or an undo step.

    spec = "v1:" model "@" weights ":" z { ":" edit }
    z    = "z(" seed "," index ")"                           a draw from the model's prior
         | "at(" values ")"                                  any other, by its values
         | "mean(" z { "," z } ")"                           an exemplar: the mean of 2 to 16
         | "sum(" weight "," z { "," weight "," z } ")"
         | "lerp(" t "," z "," z ")" | "slerp(" t "," z "," z ")"
         | "noise(" amplitude "," seed "," index "," z ")"   z + uniform noise (figure 7)
         | "move(" name "," amount { "," name "," amount } "," z ")"
         | "turn(" amount "," from "," to "," z ")"          z + amount * (to - from) (figure 8)
         | "scale(" factor "," z ")"
    edit = "gain(" layer "," gain "," maps [ "," mask ] ")"  feature maps times gain (6.3.1)
         | "class(" label ")"                                for a class-conditional model

Weights are named by the first 8 hexadecimal digits of their SHA-256. Bounds stand with the fields
below. Every text is printed in one way only, which JavaScript can compute alike; reading forgives
white space between the parts, needless zeros in numbers, and feature maps in any order.
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
    """name(field,field,...), where each field's annotation says what may stand there.

    Constructors raise SpecError for what the text could not say, and round to 6 decimals.
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
    """A way to make a z, at most MAX_DEPTH nodes deep, from at most MAX_DRAWS draws."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._depth() > MAX_DEPTH:
            raise SpecError(f"this {self.name} is nested deeper than {MAX_DEPTH}: simplify its z")
        if self._draws() > MAX_DRAWS:
            raise SpecError(f"this {self.name} is made of more than {MAX_DRAWS} draws: use fewer")

    def parts(self) -> Iterator[_Latent]:
        """Itself and all that it is made of."""
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
    """Number `index` of the stream of z's that belongs to `seed`."""

    seed: Seed
    index: Index


@dataclass(frozen=True)
class At(_Latent):
    """A z that no draw leads to, as one that was found for a photograph; in steps of 1/4096."""

    values: Annotated[tuple[float, ...], ValuesField()]


@dataclass(frozen=True)
class Mean(_Latent):
    """An exemplar (figure 7)."""

    zs: Annotated[tuple[Z, ...], ListField(_LATENT, 2, 16, "z's")]


@dataclass(frozen=True)
class Sum(_Latent):
    """terms: (weight, z) pairs."""

    terms: Annotated[tuple[tuple[float, Z], ...], ListField(_TERM, 1, 64, "weighted z's")]


@dataclass(frozen=True)
class Lerp(_Latent):
    t: Fraction
    start: Z
    end: Z


@dataclass(frozen=True)
class Slerp(_Latent):
    t: Fraction
    start: Z
    end: Z


@dataclass(frozen=True)
class Noise(_Latent):
    """z + uniform(-amplitude, amplitude) noise, 0.25 in figure 7."""

    amplitude: Annotated[float, DecimalField(0, 10)]
    seed: Seed
    index: Index
    z: Z


@dataclass(frozen=True)
class Move(_Latent):
    """steps: (direction, amount) pairs, directions by the names that the model gives them."""

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
    factor: Factor
    z: Z


@dataclass(frozen=True)
class Gain(_Node):
    """An edit: feature maps of a layer, after its ReLU, times `gain`; 0 drops them.

    layer: from 1, the one next to z. maps: from 0, kept sorted. mask: the cells where the gain
    applies, as numpy.packbits of the layer's (H, W) booleans; everywhere without one.
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
    """str(spec) is the canonical text; `parse` reads it back to an equal spec.

    weights: the first 8 hexadecimal digits of their SHA-256.
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
    """Raises SpecError, whose sentence counts characters from 1."""
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
    """A text's words and other characters, one after the other."""

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
    """From what stands between the brackets: words, and nodes already built."""
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
    """(name, field, optional) in the order of the text."""
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
