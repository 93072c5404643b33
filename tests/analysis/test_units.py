"""Which maps see what is in the boxes, against maps that are made to; and what excites each."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from dcgan.analysis import units
from dcgan.latents.spec import PictureSpec
from dcgan.models.annotations import AnnotatedImage, BoxesError, BoxSet, parse_boxes
from dcgan.paths import REPOSITORY
from dcgan.rendering.engine import Engine, Model
from dcgan.tasks import run_to_end
from tests import tiny

LAYER, CELLS = 2, 8  # the tiny network's highest: 4 maps of 8 x 8 over 16 pixels
LEFT = (0.0, 0.0, 8.0, 16.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("tiny")
    tiny.save(folder)
    return Engine({"tiny": folder}).model("tiny")


def boxes(model: Model, *drawn: tuple[float, float, float, float], count: int = 4) -> BoxSet:
    """The same boxes in each of `count` pictures."""
    return BoxSet(
        "left", LAYER, tuple(AnnotatedImage(model.sample(1, i), drawn) for i in range(count))
    )


class Planted(Model):
    """Map 0 fires on the left, map 1 fires there twice as strongly, map 2 on the right, map 3
    anywhere."""

    def activations(self, specs: Sequence[PictureSpec], layer: int) -> np.ndarray:
        random = np.random.default_rng(3)
        maps = random.uniform(0, 0.1, (len(specs), 4, CELLS, CELLS)).astype(np.float32)
        maps[:, 0, :, :4] += random.uniform(0.2, 0.6, (len(specs), CELLS, 4))
        maps[:, 1, :, :4] += random.uniform(0.4, 1.2, (len(specs), CELLS, 4))
        maps[:, 2, :, 4:] += 1
        return maps


def test_maps_that_fire_in_the_boxes_come_first(model: Model) -> None:
    found = units.fit_units(Planted("tiny", model.checkpoint), boxes(model, LEFT))
    assert found.maps[:2] == [1, 0]
    assert 2 not in found.maps
    assert found.weights == sorted(found.weights, reverse=True)
    assert min(found.weights) > 0
    assert (found.inside, found.outside) == (4 * 32, 4 * 32)


def test_a_fit_is_that_of_newtons_method(model: Model) -> None:
    """All cells are used here, half inside and half outside, so there is nothing random in it."""
    found = units.fit_units(model, boxes(model, LEFT))
    maps = model.activations([model.sample(1, i) for i in range(4)], LAYER)
    x = maps.transpose(0, 2, 3, 1).reshape(-1, 4).astype(np.float64)
    x = np.column_stack([x, np.ones(len(x))])
    y = np.tile(np.arange(CELLS) < 4, 4 * CELLS).astype(float)
    penalty = np.diag([1 / units.REGULARISATION_C] * 4 + [0])  # the intercept is free
    w = np.zeros(5)
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + penalty
        w -= np.linalg.solve(hessian, x.T @ (p - y) + penalty @ w)
    order = [int(i) for i in np.argsort(-w[:4]) if w[i] > 0]
    assert found.maps == order
    assert found.weights == pytest.approx(w[order], abs=2e-3)


def test_a_fit_can_be_had_again_and_heeds_only_pictures_with_boxes(model: Model) -> None:
    small = boxes(model, (0, 0, 6, 6))
    found = units.fit_units(model, small)
    assert found == units.fit_units(model, small)
    assert (found.inside, found.outside) == (4 * 9, 4 * 9)
    looked_at = tuple(AnnotatedImage(model.sample(1, i), ()) for i in range(4, 9))
    assert units.fit_units(model, BoxSet("left", LAYER, small.pictures + looked_at)) == found


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        ([], "there are no boxes"),
        ([(0.0, 0.0, 0.5, 0.5)], "none of the 8 x 8 cells' centres of layer 2: draw larger ones"),
        ([(0.0, 0.0, 16.0, 16.0)], "all of the 8 x 8 cells' centres of layer 2: draw smaller ones"),
    ],
)
def test_what_can_not_be_told_apart_is_said(
    model: Model, drawn: list[tuple[float, float, float, float]], words: str
) -> None:
    with pytest.raises(BoxesError, match=words):
        units.fit_units(model, boxes(model, *drawn))


@pytest.mark.parametrize("layer", [1, 2])
def test_the_draws_that_excite_each_map_most(model: Model, layer: int) -> None:
    found = run_to_end(units.top_activations(model, layer))
    specs = [
        model.sample(units.TOP_SAMPLES_SEED, index) for index in range(units.TOP_SAMPLES_SEARCHED)
    ]
    maps = model.activations(specs, layer)
    peaks = maps.max(axis=(2, 3))
    assert found.peaks == pytest.approx(
        -np.sort(-peaks, axis=0)[: units.TOP_SAMPLES_PER_UNIT].T, abs=1e-5
    )
    for number, (draws, cells) in enumerate(zip(found.draws, found.cells, strict=True)):
        at = maps[draws, number].reshape(units.TOP_SAMPLES_PER_UNIT, -1)[
            np.arange(units.TOP_SAMPLES_PER_UNIT), cells
        ]
        assert at == pytest.approx(found.peaks[number], abs=1e-5)


@pytest.mark.parametrize(("layer", "shape"), [(1, (4, 8, 8)), (2, (8, 4, 4))])
def test_the_draws_that_excite_each_map_of_the_discriminator_most(
    model: Model, layer: int, shape: tuple[int, int, int]
) -> None:
    assert units.discriminator_shapes(model.config)[layer - 1] == shape
    found = run_to_end(units.top_activations(model, layer, units.DISCRIMINATOR))
    network = model.checkpoint.discriminator()
    h = torch.from_numpy(
        model.draw([model.sample(1, index) for index in range(units.TOP_SAMPLES_SEARCHED)])
    )
    for convolution, norm in list(zip(network.convolutions, network.norms, strict=True))[:layer]:
        h = torch.nn.functional.leaky_relu(norm(convolution(h)), 0.2)
    maps = h.numpy()
    assert maps.shape == (units.TOP_SAMPLES_SEARCHED, *shape)
    peaks = maps.max(axis=(2, 3))
    for number, (draws, cells) in enumerate(zip(found.draws, found.cells, strict=True)):
        best = -np.sort(-peaks[:, number])[: units.TOP_SAMPLES_PER_UNIT]
        assert peaks[draws, number] == pytest.approx(best, abs=1e-5)
        at = maps[draws, number].reshape(units.TOP_SAMPLES_PER_UNIT, -1)[
            np.arange(units.TOP_SAMPLES_PER_UNIT), cells
        ]
        assert at == pytest.approx(best, abs=1e-5)


def test_the_command_prints_the_fit(model: Model, tmp_path: Path) -> None:
    def run(file: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "dcgan", "units"]
        return subprocess.run(
            [*command, str(model.checkpoint.folder), str(file)],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip

    file = tmp_path / "boxes-left.json"
    file.write_text(boxes(model, LEFT).to_json())
    ran = run(file)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == units.fit_units(model, parse_boxes(file.read_text())).table()

    file.write_text("{}")
    ran = run(file)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("Error: a set of boxes must have")


def test_a_fit_that_lies_beside_its_set_is_read(tmp_path: Path) -> None:
    tiny.save(tmp_path)
    opened = Engine({"tiny": tmp_path}).model("tiny")
    drawn = boxes(opened, LEFT)
    (tmp_path / "boxes-left.json").write_text(drawn.to_json())
    opened = Engine({"tiny": tmp_path}).model("tiny")
    assert units.load_unit_fit(opened, drawn) is None
    file = tmp_path / "units-left.json"
    file.write_text(json.dumps({**units.fit_units(opened, drawn).table(), "inside": 77}))
    opened = Engine({"tiny": tmp_path}).model("tiny")
    found = units.load_unit_fit(opened, drawn)
    assert found is not None
    assert found.inside == 77  # not fitted anew
    unboxed = (*drawn.pictures, AnnotatedImage(opened.sample(1, 9), ()))
    assert units.load_unit_fit(opened, dataclasses.replace(drawn, pictures=unboxed)) == found
    assert units.load_unit_fit(opened, boxes(opened, LEFT, count=3)) is None
    assert units.load_unit_fit(opened, dataclasses.replace(drawn, layer=1)) is None
    whole = file.read_text()
    others = whole.replace('"layer": 2', '"layer": 1'), whole.replace('"C": 1.0', '"C": 2.0')
    assert whole not in others
    others += tuple(
        json.dumps({**json.loads(whole), **changed})
        for changed in ({"maps": [True]}, {"weights": ["1"]}, {"layer": 9}, {"inside": None})
    )
    for wrong in ("{", "[]", '{"layer": 2}', *others):
        file.write_text(wrong)
        opened = Engine({"tiny": tmp_path}).model("tiny")
        assert units.load_unit_fit(opened, drawn) is None
        said = opened.checkpoint.readable.damaged["units-left.json"]
        command = "`python -m dcgan units FOLDER FOLDER/boxes-left.json > FOLDER/units-left.json`"
        assert f"write it anew with {command}" in said.for_visitors
        assert command.replace("FOLDER", str(tmp_path)) in str(said)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "weights").glob("*/units-*.json")), ids=str)
def test_what_is_shipped_is_what_is_fitted(path: Path) -> None:
    opened = Engine({path.parent.name: path.parent}).model(path.parent.name)
    drawn = opened.checkpoint.boxes[path.stem.removeprefix("units-")]
    found, made = units.load_unit_fit(opened, drawn), units.fit_units(opened, drawn)
    assert found is not None
    assert (found.inside, found.outside) == (made.inside, made.outside)
    assert len(drawn.pictures) >= 150
    # across machines sums differ in their last digits
    weights, now = (dict(zip(fit.maps, fit.weights, strict=True)) for fit in (found, made))
    for number in weights.keys() | now.keys():
        assert weights.get(number, 0) == pytest.approx(now.get(number, 0), abs=0.02)
