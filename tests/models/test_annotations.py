"""Sets of boxes: what comes back, which cells a box holds, and what is refused with which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dcgan.latents.spec import parse
from dcgan.models.annotations import AnnotatedImage, BoxesError, BoxSet, parse_boxes
from dcgan.models.checkpoint import CheckpointError, load
from tests import tiny

SPEC = "v1:tiny@01234567:z(1,0)"
SET = {
    "version": 1,
    "name": "Fönster",
    "layer": 2,
    "pictures": [
        {"spec": SPEC, "boxes": [[0, 1.25, 8, 16], [2, 2, 3, 3]]},
        {"spec": "v1:tiny@01234567:mean(z(1,1),z(1,2)):gain(1,0,3)", "boxes": []},
    ],
}


def changed(**fields: Any) -> str:
    return json.dumps({**SET, **fields})


def with_box(*box: Any) -> str:
    return changed(pictures=[{"spec": SPEC, "boxes": [list(box)]}])


def test_a_set_comes_back_equal() -> None:
    boxes = parse_boxes(json.dumps(SET))
    assert (boxes.name, boxes.layer, boxes.model, boxes.weights) == (
        "Fönster", 2, "tiny", "01234567"
    )  # fmt: skip
    assert boxes.pictures[0].boxes == ((0, 1.25, 8, 16), (2, 2, 3, 3))
    assert parse_boxes(boxes.to_json()) == boxes
    assert json.loads(boxes.to_json()) == SET


def test_a_cell_is_inside_where_its_centre_is() -> None:
    # 4 x 4 cells over 16 pixels have their centres at 2, 6, 10 and 14
    boxed = AnnotatedImage(parse(SPEC), ((2, 0, 10, 2.5), (13, 13, 15, 15), (3, 3, 5, 5)))
    expected = np.zeros((4, 4), bool)
    expected[0, :2] = True  # a left edge on a centre holds it, a right one does not
    expected[3, 3] = True
    assert (boxed.cells(16, 4) == expected).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON"),
        (b"\xff\xfe{", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ("[]", 'must have "version", "name", "layer" and "pictures"'),
        (changed(more=1), 'must have "version"'),
        (changed(version=2), "version 2, not 1"),
        (changed(name=""), '"name" must have 1 to 64 characters'),
        (changed(name="a\nb"), '"name" must have'),
        (changed(layer=True), '"layer" must be a whole number from 1, not True'),
        (changed(layer=0), '"layer" must be'),
        (changed(pictures=[]), "1 to 256 pictures"),
        (changed(pictures=SET["pictures"] * 129), "1 to 256 pictures"),
        (changed(pictures=[SPEC]), 'picture 1 must have "spec" and "boxes"'),
        (changed(pictures=[{"spec": "z(1,0)", "boxes": []}]), '"spec" of picture 1 is not the'),
        (changed(pictures=[{"spec": 7, "boxes": []}]), '"spec" of picture 1 is not the'),
        (
            changed(pictures=[{"spec": SPEC, "boxes": [[1, 1, 2, 2]] * 33}]),
            '"boxes" of picture 1 must be a list of at most 32',
        ),
        (
            changed(pictures=[*SET["pictures"], {"spec": "v1:cats@01234567:z(1,0)", "boxes": []}]),
            "must be of one network, not",
        ),
        (with_box(1, 2, 3), "box 1 of picture 1 must be [left, top, right, bottom]"),
        (with_box(3, 2, 3, 4), "with left < right"),
        (with_box(1, 4, 3, 2), "top < bottom"),
        (with_box(-1, 2, 3, 4), "box 1 of picture 1"),
        (with_box("1", 2, 3, 4), "box 1 of picture 1"),
        (with_box(1, 2, 10**400, 4), "box 1 of picture 1"),
        (with_box(1, 2, float("nan"), 4), "box 1 of picture 1"),
        (with_box(1, 2, float("inf"), 4), "box 1 of picture 1"),
    ],
)
def test_what_is_no_set_is_refused_with_a_sentence(text: str | bytes, words: str) -> None:
    with pytest.raises(BoxesError) as refusal:
        parse_boxes(text)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(layer=3), "tiny has layers 1 to 2, not 3"),
        (with_box(1, 2, 16.5, 4), "picture 1 has a box [1.0, 2.0, 16.5, 4.0] that reaches beyond"),
    ],
)
def test_a_set_must_fit_the_model(text: str, words: str) -> None:
    boxes: BoxSet = parse_boxes(text)
    with pytest.raises(BoxesError, match=words.replace("[", r"\[")):
        boxes.check(tiny.CONFIG)


def test_a_checkpoint_ships_sets_of_its_own_pictures_only(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path).hash
    file = tmp_path / "boxes-windows.json"
    file.write_text(json.dumps(SET).replace("01234567", weights))
    assert list(load(tmp_path).boxes) == ["Fönster"]
    for text, words in [
        (json.dumps(SET), rf"of the weights 01234567, not {weights}\): draw the boxes anew"),
        ("{}", r'boxes-windows\.json is no set of boxes .* must have "version"'),
    ]:
        file.write_text(text)
        with pytest.raises(CheckpointError, match=words):
            load(tmp_path).boxes  # noqa: B018  (read when asked for)
