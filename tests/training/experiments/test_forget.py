"""What is measured of dropping maps, on a tiny network and a tiny window judge."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dcgan.analysis import classifiers, units
from dcgan.config import ModelConfig
from dcgan.latents.spec import Gain
from dcgan.models.annotations import AnnotatedImage, BoxesError, BoxSet, parse_boxes
from dcgan.rendering.engine import Engine, Model
from tests import tiny
from tests.training import small
from tests.training.attributes.test_window_segmentation import write_rooms
from training.attributes import window_segmentation
from training.cli.app import app
from training.experiments import forget
from training.experiments.forget import Point, ablate, draw_orders, fall_at, goal, in_boxes

LAYER, MAPS = 3, 12
CONFIG = ModelConfig(
    z_size=8,
    generator_widths=(8, 8, MAPS, 4),
    discriminator_widths=(2, 2, 2, 2),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("rooms")
    tiny.save(folder, CONFIG)
    return Engine({"rooms": folder}).model("rooms")


@pytest.fixture(scope="module")
def boxes(model: Model) -> BoxSet:
    drawn = ((0.0, 0.0, 30.0, 40.0),), ((20.0, 8.0, 64.0, 30.0),), ()
    return BoxSet(
        "windows",
        LAYER,
        tuple(AnnotatedImage(model.sample(1, i), b) for i, b in enumerate(drawn * 2)),
    )


@pytest.fixture(scope="module")
def judged_by(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges")
    decoder = window_segmentation.Decoder(window_segmentation.DecoderConfig(4))
    scores = {"iou": 0.4, "share_correlation": 0.5}
    classifiers.save_classifier(
        folder, window_segmentation.NAME, decoder, {"held_out": {"pictures": 9, "sharp": scores}}
    )
    return folder


def call(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["run", "forget", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_command_measures_and_keeps(
    tmp_path: Path, model: Model, boxes: BoxSet, judged_by: Path
) -> None:
    write_rooms(tmp_path / "data", 200)
    file, kept, sheet = (tmp_path / name for name in ("boxes.json", "forget.json", "sheet.png"))
    file.write_text(boxes.to_json())
    given = ["--weights", model.checkpoint.folder, "--data", tmp_path / "data"]
    given += ["--boxes", file, "--judges", judged_by, "--recipe", "rooms"]
    given += ["--samples", 20, "--orders", 2, "--part", 10]
    code, printed = call(*given, "--json", kept, "--sheet", sheet)
    assert code == 0, printed
    facts = json.loads(kept.read_text())
    fitted = units.fit_units(model, parse_boxes(file.read_text())).maps
    assert facts["fit"]["maps"] == fitted
    assert facts["weights"] == model.checkpoint.hash
    ks = [k for k in forget.KS if k < len(fitted)] + [len(fitted)]
    assert [point["k"] for point in facts["curves"]["fitted"]] == ks
    assert facts["curves"]["random"][-1]["k"] == MAPS
    assert facts["curves"]["matched"][-1]["k"] == min(len(fitted), MAPS - len(fitted))
    for curve in facts["curves"].values():
        assert curve[0]["share"] == pytest.approx(facts["curves"]["fitted"][0]["share"], abs=2e-6)
        assert all(0 <= point["found"] <= 1 for point in curve)
    assert facts["curves"]["random"][1]["kid_error"] > 0
    assert facts["boxes"]["boxes"] == 4
    rows = {row[0]: row[1:] for row in small.cells(printed)}
    for point in facts["curves"]["fitted"]:
        assert [f"{point['found']:.2%}", f"{point['kid']:.4f}"] == rows[f"{point['k']}"][:2]
    assert rows["coverage"] == ["inside", "outside", "no boxes"]
    for name in ("with", "without"):
        told = rows[f"{name} the {len(fitted)} fitted maps"]
        assert told == [f"{share:.1%}" for share in facts["boxes"][name].values()]
    assert facts["run"]["data"].keys() == {"held-out"}
    with Image.open(sheet) as picture:
        assert picture.size == (2 * 64 * forget.COLUMNS, 2 * 64 * 8)


def test_what_can_not_be_measured_is_a_sentence(
    tmp_path: Path, model: Model, boxes: BoxSet, judged_by: Path
) -> None:
    write_rooms(tmp_path / "data", 60)
    given = ["--weights", model.checkpoint.folder, "--data", tmp_path / "data"]
    given += ["--judges", judged_by, "--recipe", "rooms"]
    code, printed = call(*given)
    assert (code, "has no set of boxes called 'windows'" in printed) == (1, True)
    file = tmp_path / "boxes.json"
    file.write_text(boxes.to_json().replace(model.checkpoint.hash, "00000000"))
    code, printed = call(*given, "--boxes", file)
    assert (code, "made with other weights" in printed) == (1, True)
    file.write_text(boxes.to_json())
    code, printed = call(*given, "--boxes", file)
    assert (code, "give a smaller --part" in printed) == (1, True)
    code, printed = call(*given, "--recipe", "houses")
    assert (code, "there is no recipe 'houses'" in printed) == (2, True)


def test_boxes_are_those_shipped_unless_given(model: Model, boxes: BoxSet, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    tiny.save(folder, CONFIG)
    (folder / "boxes-windows.json").write_text(boxes.to_json())
    shipping = Engine({"rooms": folder}).model("rooms")
    assert forget.read_boxes(shipping, None) == boxes
    deep = tmp_path / "deep.json"
    deep.write_text(boxes.to_json().replace('"layer": 3', '"layer": 9'))
    with pytest.raises(BoxesError, match="layers 1 to 4, not 9"):
        forget.read_boxes(shipping, deep)


def test_dropping_keeps_other_edits(model: Model) -> None:
    spec = model.sample(1, 0)
    assert ablate(spec, LAYER, []) == spec
    edited = ablate(ablate(spec, 1, [2]), LAYER, [5, 3])
    assert edited.gains == (Gain(1, 0, (2,)), Gain(LAYER, 0, (3, 5)))


def test_matched_maps_are_as_active_and_were_not_fitted() -> None:
    chance = np.random.default_rng(0)
    activation = chance.exponential(1, 128)
    fitted = chance.choice(np.argsort(-activation)[4:64], 30, replace=False).tolist()
    drawn = draw_orders(fitted, activation, 20)
    assert all(sorted(order) == list(range(128)) for order in drawn["random"])
    assert len({tuple(order) for order in drawn["random"]}) == 20
    for order in drawn["matched"]:
        assert len(set(order)) == len(fitted)
        assert not set(order) & set(fitted)
    for k in (4, 12, len(fitted)):
        matched = np.mean([activation[order[:k]].mean() for order in drawn["matched"]])
        assert matched == pytest.approx(activation[fitted[:k]].mean(), rel=0.1)
        assert matched > 1.3 * activation.mean()
    assert drawn == draw_orders(fitted, activation, 20)
    most = draw_orders(list(range(100)), activation, 1)["matched"][0]
    assert sorted(most) == list(range(100, 128))


class Bright:
    """Judges red values to be windows."""

    def __call__(self, pictures: np.ndarray) -> tuple[np.ndarray, None]:
        return pictures[..., 0].astype(np.float32) / 255, None


def test_coverage_in_boxes_is_that_of_their_pixels(model: Model, boxes: BoxSet) -> None:
    found = in_boxes(model, Bright(), boxes, [0, 1, 2, 3])  # pyright: ignore[reportArgumentType]  (only its call is needed)
    red = model.render([picture.spec for picture in boxes.pictures])[..., 0] / 255
    inside = np.zeros((6, 64, 64), bool)
    inside[[0, 3], :40, :30] = True
    inside[[1, 4], 8:30, 20:] = True
    boxed = np.arange(6) % 3 < 2
    assert found["with"]["inside"] == pytest.approx(red[inside].mean(), abs=1e-4)
    outside = ~inside & boxed[:, None, None]
    assert found["with"]["outside"] == pytest.approx(red[outside].mean(), abs=1e-4)
    assert found["with"]["no_boxes"] == pytest.approx(red[~boxed].mean(), abs=1e-4)
    assert found["without"] != found["with"]
    assert (found["pictures"], found["with_boxes"], found["boxes"]) == (6, 4, 4)


def curve(*points: tuple[int, float, float]) -> list[Point]:
    return [Point(k, share, share, kid, 1.0) for k, share, kid in points]


FITTED = curve((0, 0.1, 0.01), (2, 0.05, 0.012), (4, 0.01, 0.02), (8, 0.005, 0.05))


def test_the_goal_is_read_at_the_same_distance() -> None:
    slow = curve((0, 0.1, 0.01), (2, 0.1, 0.012), (4, 0.09, 0.016), (8, 0.07, 0.024))
    never = curve((0, 0.1, 0.01), (2, 0.08, 0.009), (4, 0.09, 0.015))
    found = goal({"fitted": FITTED, "matched": slow, "random": never})
    assert (found["k"], found["fall"], found["kid"]) == (4, 0.9, 0.02)
    assert found["matched"] == {"fall": pytest.approx(0.2), "reached": True}
    assert found["random"] == {"fall": pytest.approx(0.2), "reached": False}
    weak = goal({"fitted": FITTED[:2], "matched": slow, "random": slow})
    assert (weak["k"], weak["fall"]) == (2, 0.5)


def test_a_fall_at_a_distance_lies_on_the_line_between() -> None:
    assert fall_at(FITTED, 0.016) == pytest.approx(0.7)
    assert fall_at(FITTED, 0.012) == pytest.approx(0.5)
    assert fall_at(FITTED, 0.005) == 0
    assert fall_at(FITTED, 0.06) is None
