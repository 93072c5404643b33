"""The z of a picture: of G's own, which are there to be found, and of real photographs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.analysis import inversion
from dcgan.analysis.inversion import crop_upload, generates_faces, invert
from dcgan.latents.spec import At, Draw, parse
from dcgan.media.uploads import NoFaceError, UploadError
from dcgan.models import checkpoint
from dcgan.models.checkpoint import CheckpointError
from dcgan.rendering.engine import Model
from dcgan.tasks import Progress, run_to_end
from tests import tiny
from tests.media.test_uploads import BLUE, RED, encoded, halves, near

FACES = Path(__file__).parents[2] / "weights" / "faces"
SIZE = tiny.CONFIG.image_size


@pytest.fixture(scope="module", autouse=True)
def _few() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inversion, "START_SAMPLES", 64)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model("tiny", tiny.save(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def faces() -> Model:
    return Model("faces", checkpoint.load(FACES))


def own(model: Model, index: int) -> np.ndarray:
    [picture] = model.render([model.sample(3, index)])
    return picture


def test_a_sample_is_found_again(model: Model) -> None:
    """The tiny G's z has 8 values: all of them come out, within the steps of a text."""
    for index in range(4):
        found = run_to_end(invert(model, own(model, index)))
        assert isinstance(found.spec.z, At)
        assert found.distance.pixels < 2
        assert found.distance.pixels < found.starts[0].distance.pixels / 10
        true = model.z(model.spec(Draw(3, index)))
        np.testing.assert_allclose(model.z(found.spec), true, atol=0.1)


def test_what_is_found_is_what_its_text_draws(model: Model) -> None:
    found = run_to_end(invert(model, own(model, 5), steps=10))
    [drawn] = model.render([parse(str(found.spec))])
    assert np.array_equal(drawn, found.picture)
    apart = np.square(drawn.astype(float) - own(model, 5)).mean() ** 0.5
    assert found.distance.pixels == pytest.approx(apart, abs=1e-3)


def test_the_same_picture_gives_the_same_answer(model: Model) -> None:
    first, second = (run_to_end(invert(model, own(model, 6), steps=20)) for _ in range(2))
    assert first.spec == second.spec


def test_there_is_something_to_see_on_the_way(model: Model) -> None:
    steps = list(invert(model, own(model, 7), steps=20))
    assert steps == sorted(steps)
    seen = [parse(step.preview) for step in steps if isinstance(step, Progress)]
    assert len(seen) == 20 // inversion.STEPS_PER_PREVIEW
    assert all(spec.model == "tiny" for spec in seen)


def test_z_stays_where_the_prior_has_it(tmp_path: Path, model: Model) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    found = run_to_end(invert(model, noise, steps=40))
    assert np.abs(model.z(found.spec)).max() <= 1
    config = dataclasses.replace(tiny.CONFIG, prior="normal")
    normal = Model("normal", tiny.save(tmp_path, config))
    found = run_to_end(invert(normal, own(normal, 1), steps=40))
    assert np.linalg.norm(normal.z(found.spec)) < 3 * config.z_size**0.5


def test_a_picture_of_a_class_is_found_in_its_class(tmp_path: Path) -> None:
    config = dataclasses.replace(tiny.CONFIG, classes=3, channels=1)
    digits = Model("digits", tiny.save(tmp_path, config))
    found = [run_to_end(invert(digits, own(digits, index))) for index in range(3)]
    labels = [digits.sample(3, index).label for index in range(3)]
    assert sum(one.spec.label == label for one, label in zip(found, labels, strict=True)) >= 2
    assert all(one.distance.pixels < one.starts[0].distance.pixels for one in found)


def test_weights_without_their_d_are_refused(tmp_path: Path, model: Model) -> None:
    checkpoint.save(tmp_path, model.checkpoint.generator(), None, tiny.CARD)
    with pytest.raises(CheckpointError):
        run_to_end(invert(Model("stage", checkpoint.load(tmp_path)), own(model, 1)))


def test_models_of_faces_are_told_from_others(faces: Model, model: Model) -> None:
    assert generates_faces(faces)
    assert not generates_faces(model)
    assert not generates_faces(Model("rooms", checkpoint.load(FACES.parent / "rooms")))


def test_other_models_are_given_the_middle_square(model: Model) -> None:
    wide = Image.new("RGB", (192, 64), "white")
    wide.paste(halves(), (64, 0))
    picture, notes = crop_upload(model, encoded(wide))
    assert picture.shape == (SIZE, SIZE, 3)
    assert near(picture[8, 2], RED)
    assert near(picture[8, 13], BLUE)
    assert notes == []


def test_without_a_face_there_is_a_sentence_and_the_middle_square(faces: Model) -> None:
    content = encoded(halves().resize((300, 300)))
    with pytest.raises(NoFaceError, match="have its middle square taken"):
        crop_upload(faces, content)
    picture, _ = crop_upload(faces, content, middle=True)
    assert near(picture[32, 5], RED)
    with pytest.raises(UploadError, match="not a picture that can be read"):
        crop_upload(faces, b"words")


def test_what_is_cut_already_stays_as_it_is(faces: Model) -> None:
    [picture] = faces.render([faces.sample(3)])
    again, _ = crop_upload(faces, encoded(Image.fromarray(picture)))
    assert np.array_equal(again, picture)


def test_a_real_face_gets_nearer_than_the_best_of_its_starts(faces: Model, shared: Path) -> None:
    portrait = sorted((shared / "data" / "photos").glob("*.jpg"))[0]
    picture, _ = crop_upload(faces, portrait.read_bytes())
    assert picture.shape == (64, 64, 3)
    found = run_to_end(invert(faces, picture, steps=40))
    assert found.distance.pixels < 0.8 * found.starts[0].distance.pixels
    assert found.distance.features < min(start.distance.features for start in found.starts)
