"""The text of a picture: what is read, what is refused, and that printing is canonical."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.latents import spec
from dcgan.latents.spec import (
    At,
    Draw,
    Gain,
    Lerp,
    Mean,
    Move,
    Noise,
    PictureSpec,
    Scale,
    Slerp,
    SpecError,
    Sum,
    Turn,
    parse,
)
from dcgan.latents.spec_fields import DecimalField

VECTORS = json.loads((Path(__file__).parents[1] / "vectors").joinpath("latent.json").read_text())
HEAD = "v1:faces@0123abcd:"
DRAW = Draw(1, 0)


def cases(section: str, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(case[key] for key in keys) for case in VECTORS[section]]


def test_a_text_is_the_tree_it_says() -> None:
    text = (
        "v1:faces/seen-30k@0123abcd:turn(0.5,z(1,0),mean(z(1,1),z(1,2)),"
        "noise(0.25,3,4,move(smile,1.5,lerp(0.1,z(2,0),sum(1,z(2,1),-1,scale(2,z(2,2)))))))"
        ":gain(2,0,1.7-9,_w):class(3)"
    )
    tree = PictureSpec(
        "faces/seen-30k",
        "0123abcd",
        Turn(
            0.5,
            DRAW,
            Mean((Draw(1, 1), Draw(1, 2))),
            Noise(
                0.25,
                3,
                4,
                Move(
                    (("smile", 1.5),),
                    Lerp(0.1, Draw(2, 0), Sum(((1, Draw(2, 1)), (-1, Scale(2, Draw(2, 2)))))),
                ),
            ),
        ),
        (Gain(2, 0, (1, 7, 8, 9), b"\xff"),),
        3,
    )
    assert parse(text) == tree
    assert str(tree) == text
    assert hash(parse(text)) == hash(tree)


@pytest.mark.parametrize(("text", "canonical"), cases("canonical", "text", "canonical"))
def test_harmless_variants_are_read_and_printed_canonically(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert str(parse(canonical)) == canonical


@pytest.mark.parametrize(("text", "says"), cases("invalid", "text", "says"))
def test_every_violation_is_named_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(SpecError, match=re.escape(says)) as caught:
        parse(text)
    sentence = str(caught.value)
    assert len(sentence) < 200
    assert "\n" not in sentence


@pytest.mark.parametrize(("number", "text"), cases("numbers", "number", "text"))
def test_numbers_are_rounded_half_away_from_zero(number: float, text: str) -> None:
    field = DecimalField(-100, 100)
    assert field.write(field.check("it", number)) == text
    assert field.check("it", field.read(text)) == field.check("it", number)
    assert math.copysign(1, field.check("it", number)) == (-1 if text.startswith("-") else 1)


@pytest.mark.parametrize(
    ("make", "arguments", "says"),
    [
        (Draw, (math.nan, 0), "z's seed must be a whole number"),
        (Draw, (1.0, 0), "not 1.0"),
        (Draw, (True, 0), "not True"),
        (Draw, ("1", 0), "not '1'"),
        (Draw, (None, 0), "not None"),
        (Draw, (1, -1), "z's index must be"),
        (Scale, (math.nan, DRAW), "scale's factor must be a number"),
        (Scale, (-math.inf, DRAW), "scale's factor must be a number"),
        (Scale, (True, DRAW), "not True"),
        (Scale, ("2", DRAW), "not '2'"),
        (Scale, (2, "z(1,0)"), "scale's z must be a z such as z(1,0)"),
        (At, ((),), "at's values must be 1 to 1024 numbers from -8 to 8"),
        (At, ((0, 8.5),), "at's values must be 1 to 1024 numbers"),
        (At, ((0, math.nan),), "at's values must be 1 to 1024 numbers"),
        (At, ((True,),), "at's values must be 1 to 1024 numbers"),
        (At, ("AAA",), "at's values must be 1 to 1024 numbers"),
        (Mean, (DRAW,), "mean's zs must be 2 to 16 z's"),
        (Mean, ((DRAW,),), "not 1"),
        (Sum, (((1, DRAW, 2),),), "item 1 of sum's terms must be"),
        (Gain, (1, 0, ()), "gain's maps must be feature maps"),
        (Gain, (1, 0, 3), "gain's maps must be feature maps"),
        (Gain, (1, 0, (True,)), "gain's maps must be feature maps"),
        (Gain, (1, 0, (0,), b""), "gain's mask must be 1 to 2048 bytes"),
        (Gain, (1, 0, (0,), bytes(2049)), "gain's mask must be 1 to 2048 bytes"),
        (PictureSpec, ("faces", "0123abcd", 1), "picture's z must be"),
        (PictureSpec, ("faces", "0123abcd", DRAW, (1,)), "item 1 of"),
        (PictureSpec, ("faces", "0123abcd", DRAW, (), -1), "picture's label must be"),
        (PictureSpec, (7, "0123abcd", DRAW), "picture's model must be"),
        (parse, (7,), "must be a string"),
    ],
)
def test_trees_are_as_strict_as_texts(
    make: Callable[..., object], arguments: tuple[Any, ...], says: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(says)):
        make(*arguments)


def test_a_tree_stays_within_the_limits_of_a_text() -> None:
    z = DRAW
    for _ in range(spec.MAX_DEPTH - 1):
        z = Scale(1, z)
    with pytest.raises(SpecError, match="nested deeper than 8"):
        Scale(1, z)

    broad = Mean((DRAW,) * 16)
    with pytest.raises(SpecError, match="more than 64 draws"):
        Mean((broad, broad, broad, broad, DRAW))

    gain = Gain(1, 0, (0,), bytes(2048))
    with pytest.raises(SpecError, match="at most 4096 fit"):
        PictureSpec("faces", "0123abcd", Mean((broad, broad, broad, broad)), (gain, gain))


def test_maps_and_items_are_kept_canonically() -> None:
    listed: Any = [3, 1, 1], [DRAW, DRAW]
    assert Gain(1, 0.12345678, listed[0]) == Gain(1, 0.123457, (1, 3))
    assert Mean(listed[1]) == Mean((DRAW, DRAW))


names = st.text("abcz019_-", min_size=1, max_size=5)
seeds = st.integers(0, 2**53 - 1)
draws = st.builds(Draw, seeds, st.integers(0, 2**32 - 1))
factors = st.floats(-100, 100)


def nested(z: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(Mean, st.lists(z, min_size=2, max_size=3)),
        st.builds(Sum, st.lists(st.tuples(factors, z), min_size=1, max_size=3)),
        st.builds(Lerp, st.floats(0, 1), z, z),
        st.builds(Slerp, st.floats(0, 1), z, z),
        st.builds(Noise, st.floats(0, 10), seeds, st.integers(0, 9), z),
        st.builds(Move, st.lists(st.tuples(names, factors), min_size=1, max_size=3), z),
        st.builds(Turn, factors, z, z, z),
        st.builds(Scale, factors, z),
    )


gains = st.builds(
    Gain,
    st.integers(1, 64),
    st.floats(0, 3),
    st.lists(st.integers(0, 40), min_size=1),
    st.none() | st.binary(min_size=1, max_size=40),
)
pictures = st.builds(
    PictureSpec,
    names | st.tuples(names, names).map("/".join),
    st.text("0123456789abcdef", min_size=8, max_size=8),
    draws | nested(draws | nested(draws)),
    st.lists(gains, max_size=4),
    st.none() | st.integers(0, 9999),
)


@settings(deadline=None)
@given(pictures)
def test_a_picture_is_its_text(picture: PictureSpec) -> None:
    text = str(picture)
    assert parse(text) == picture
    assert str(parse(text)) == text
    assert re.fullmatch(r"[A-Za-z0-9_.,:@/()-]+", text)


@settings(deadline=None)
@given(pictures, st.data())
def test_a_damaged_text_is_refused_or_read_but_never_crashes(
    picture: PictureSpec, data: st.DataObject
) -> None:
    text = str(picture)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    damaged = text[:start] + data.draw(st.text("z(1,.):@-9é \0", max_size=3)) + text[end:]
    try:
        read = parse(damaged)
    except SpecError:
        return
    assert parse(str(read)) == read
