"""The page after a while of everything at once: see soak.py."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dcgan.analysis import probe
from dcgan.models.annotations import AnnotatedImage, BoxSet
from dcgan.rendering.engine import Engine
from tests import soak, tiny
from tests.analysis.test_probe import fitted


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Models of every kind: with boxes, with classes, with a probe, in another size."""
    plain = tiny.save(tmp_path / "plain").folder
    drawn = Engine({"plain": plain}).model("plain").sample(1, 0)
    boxes = BoxSet("corners", 2, (AnnotatedImage(drawn, ((0.0, 0.0, 7.5, 9.0),)),))
    (plain / "boxes-corners.json").write_text(boxes.to_json())
    tiny.save(tmp_path / "digits", dataclasses.replace(tiny.CONFIG, classes=3))
    named = tiny.save(tmp_path / "named")
    probe.save_probe(named.folder, *fitted(named))
    return tmp_path


def test_a_short_soak_leaves_nothing_behind(weights: Path) -> None:
    check(soak.soak(weights, seconds=6, warm=5), growth=32)


@pytest.mark.long
@pytest.mark.timeout(2700)
def test_half_an_hour_over_the_shipped_weights_leaves_nothing_behind() -> None:
    check(soak.soak(soak.ROOT / "weights", seconds=1500, warm=300), growth=soak.GROWTH)


def check(found: soak.Found, growth: float) -> None:
    assert found.complaints(growth) == []
    assert {deed.__name__ for deed in soak.DEEDS} <= found.done.keys()
