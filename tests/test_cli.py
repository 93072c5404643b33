"""`python -m dcgan` as people run it; publishing is in test_hub.py."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.analysis import saliency, units
from dcgan.latents import interpolation
from dcgan.latents.spec import SpecError, parse
from dcgan.media import images
from dcgan.media.video import VideoOptions, encode_video, read_texts
from dcgan.paths import REPOSITORY
from dcgan.rendering.engine import Engine, Model
from dcgan.tasks import run_to_end
from tests import tiny


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "dcgan", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def done(*arguments: object) -> str:
    ran = command(*arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def refused(*arguments: object) -> str:
    """The one sentence of a command that fails."""
    ran = command(*arguments)
    assert (ran.returncode, ran.stdout) == (1, ""), ran
    [line] = ran.stderr.splitlines()
    return line.removeprefix("Error: ")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints like weights/."""
    folder = tmp_path_factory.mktemp("weights")
    tiny.save(folder / "faces")
    tiny.save(folder / "faces" / "seen-28k", seed=1)
    return folder


@pytest.fixture(scope="module")
def faces(weights: Path) -> Model:
    return Engine({"faces": weights / "faces"}).model("faces")


def test_render_draws_a_text_which_stays_with_the_picture(
    weights: Path, faces: Model, tmp_path: Path
) -> None:
    text = f"v1:faces@{faces.checkpoint.hash}:lerp(0.50, z(1,0), z(1,1))"
    first, again, large = (tmp_path / name for name in ("first.png", "again.png", "large.png"))
    done("render", text, first, "--weights", weights)

    spec = images.read_spec(first.read_bytes())
    assert spec == text.replace("0.50", "0.5").replace(" ", ""), "in its canonical form"
    done("render", spec, again, "--weights", weights / "faces")
    assert again.read_bytes() == first.read_bytes()

    done("render", spec, large, "--weights", weights, "--scale", 3)
    picture = np.asarray(Image.open(first))
    assert picture.shape == (16, 16, 3)
    assert (np.asarray(Image.open(large)) == picture.repeat(3, 0).repeat(3, 1)).all()


def test_sample_writes_an_array_and_a_grid(faces: Model, tmp_path: Path) -> None:
    out, grid = tmp_path / "samples.npy", tmp_path / "samples.png"
    folder = faces.checkpoint.folder
    done("sample", folder, "--count", 70, "--seed", 4, "--out", out, "--grid", grid)

    pictures = np.load(out)
    assert pictures.shape == (70, 16, 16, 3)
    assert pictures.dtype == np.uint8
    expected = faces.render([faces.sample(4, index) for index in range(70)])
    assert np.abs(pictures.astype(int) - expected).max() <= 1
    assert (np.asarray(Image.open(grid)) == images.make_grid(pictures[:64])).all()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v1:faces", "at character 9: expected '@', found the end of the text"),
        ("v1:cats@{hash}:z(1,0)", "there is no model called 'cats' here; there is: faces, faces/s"),
        ("v1:faces@00000000:z(1,0)", "this picture was made with other weights (00000000)"),
    ],
)
def test_a_picture_that_can_not_be_drawn_is_a_sentence(
    weights: Path, faces: Model, tmp_path: Path, text: str, says: str
) -> None:
    out = tmp_path / "face.png"
    text = text.format(hash=faces.checkpoint.hash)
    assert refused("render", text, out, "--weights", weights).startswith(says)
    assert not out.exists()


def test_a_folder_that_is_missing_is_a_sentence(
    weights: Path, faces: Model, tmp_path: Path
) -> None:
    text, nowhere, out = faces.sample(1), tmp_path / "nowhere", tmp_path / "face.png"
    says = f"there is no folder '{nowhere}'"
    assert refused("render", text, out, "--weights", nowhere).startswith(says)
    assert refused("sample", nowhere, "--out", tmp_path / "x.npy").startswith(says)
    assert refused("render", text, out, "--weights", tmp_path) == (
        f"{tmp_path} holds no checkpoints: give another folder as --weights"
    )
    assert str(nowhere) in refused("render", text, nowhere / "face.png", "--weights", weights)
    assert str(nowhere) in refused("sample", weights / "faces", "--out", nowhere / "x.npy")


def test_what_fails_leaves_the_file_that_was_there(faces: Model, tmp_path: Path) -> None:
    out = tmp_path / "out" / "samples.npy"
    out.parent.mkdir()
    out.write_bytes(b"of yesterday")
    says = refused("sample", faces.checkpoint.folder, "--seed", 10**20, "--out", out)
    assert says.startswith("z's seed must be a whole number from 0 to")

    damaged = tiny.save(tmp_path / "damaged").folder / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    says = refused("sample", damaged.parent, "--out", out)
    assert str(damaged) in says
    assert "damaged or incomplete" in says

    assert out.read_bytes() == b"of yesterday"
    assert list(out.parent.iterdir()) == [out]


def test_a_walk_through_texts_keeps_what_was_done_to_them(faces: Model, tmp_path: Path) -> None:
    dropped = [f"{faces.sample(2, index)}:gain(1,0,0-3)" for index in range(2)]
    out = tmp_path / "walk.webp"
    keyframes = [option for text in dropped for option in ("--through", text)]
    done("walk", faces.checkpoint.folder, *keyframes, "--seconds", 0.4, "--out", out)
    specs = interpolation.walk_frames(
        [parse(text) for text in dropped], 0.4, closed=True, spherical=True
    )
    assert [str(spec) for spec in specs[::3]] == [
        str(dataclasses.replace(specs[0], z=specs[i].z)) for i in (0, 3)
    ]
    assert all(spec.gains == specs[0].gains != () for spec in specs)
    with Image.open(out) as moving:
        assert (getattr(moving, "n_frames", 1), moving.size) == (6, (128, 128))
    texts = [str(spec) for spec in specs]
    film = VideoOptions("webp", 0.4, 128, "nearest")
    assert out.read_bytes() == run_to_end(encode_video(faces.render(specs), texts, film))


@pytest.mark.parametrize("kind", ["mp4", "png"])
def test_a_walk_is_a_film_of_any_format_with_its_texts(
    faces: Model, tmp_path: Path, kind: str
) -> None:
    out, options = tmp_path / f"walk.{kind}", ("--count", 2, "--keyframes", 2, "--seconds", 0.2)
    asked = (*options, "--size", 80, "--scaling", "lanczos", "--out", out)
    done("walk", faces.checkpoint.folder, *asked)
    ways = [[faces.sample(0, 2 * row + i, turn=row) for i in range(2)] for row in range(2)]
    rows = [interpolation.walk_frames(way, 0.2, closed=True, spherical=True) for way in ways]
    assert read_texts(out.read_bytes()) == [
        str(spec) for frame in zip(*rows, strict=True) for spec in frame
    ]
    if kind == "png":
        assert np.asarray(Image.open(out)).shape == (80, 3 * 160, 3)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("walk.avi", (), "a film is mp4, gif, webp or png, not 'avi'"),
        ("walk.gif", ("--size", 33), "a film's size is an even number of pixels from 64 to 1024"),
    ],
)
def test_a_film_that_can_not_be_made_is_a_sentence(
    faces: Model, tmp_path: Path, name: str, options: tuple, says: str
) -> None:
    out = tmp_path / name
    assert refused("walk", faces.checkpoint.folder, "--out", out, *options).startswith(says)
    assert not out.exists()


def test_a_walk_takes_its_edits_from_the_keyframe_that_it_is_at_or_left(faces: Model) -> None:
    plain, edited = faces.sample(2), parse(f"{faces.sample(2, 1)}:gain(1,0,0-3)")
    for closed, of_edited in ((True, [False] * 3 + [True] * 3), (False, [False] * 5 + [True])):
        frames = interpolation.walk_frames([plain, edited], 0.4, closed, spherical=False)
        assert [bool(frame.gains) for frame in frames] == of_edited
    other = dataclasses.replace(edited, model="faces/seen-28k")
    with pytest.raises(SpecError, match="must be of one model"):
        interpolation.walk_frames([plain, other], 1, closed=True, spherical=True)


def test_exciting_draws_each_map_with_its_best(faces: Model, tmp_path: Path) -> None:
    out = tmp_path / "maps.png"
    folder = faces.checkpoint.folder
    said = json.loads(
        done("top-activations", folder, out, "--layer", 2, "--first", 1, "--count", 2)
    )
    found = run_to_end(units.top_activations(faces, 2))
    assert said["draws"] == found.draws[1:3].tolist()
    assert said["cells"] == found.cells[1:3].tolist()
    draws = np.ravel(said["draws"]).tolist()
    pictures = faces.render([faces.sample(said["seed"], index) for index in draws])
    assert (np.asarray(Image.open(out)) == images.make_grid(pictures, 8)).all()
    seen = json.loads(done("top-activations", folder, out, "--layer", 2, "--discriminator"))
    best = run_to_end(units.top_activations(faces, 2, units.DISCRIMINATOR))
    assert seen["draws"] == best.draws[:8].tolist()
    says = refused("top-activations", folder, out, "--layer", 2, "--first", 4)
    assert says == "layer 2 has maps 0 to 3, not 4"


def test_look_draws_and_says_what_d_makes_of_a_picture(
    weights: Path, faces: Model, tmp_path: Path
) -> None:
    out, file = tmp_path / "look.png", tmp_path / "face.png"
    spec = faces.sample(8, 2)
    said = json.loads(done("look", spec, out, "--weights", weights, "--feature", 3))
    [picture] = faces.render([spec])
    found = run_to_end(saliency.survey(faces)).attribute(picture, 3)
    assert said["logit"] == pytest.approx(found.logit, abs=1e-5)
    assert said["random"]["response"] == pytest.approx(found.random.response, abs=1e-5)
    assert [part["feature"] for part in said["strongest"]] == [
        part.feature for part in found.strongest
    ]
    drawn = np.asarray(Image.open(out))
    assert drawn.shape == (16, 9 * 16, 3)
    assert (drawn[:, :16] == picture).all()
    assert np.abs(drawn[:, 16:32].astype(int) - found.trained.gradient).max() <= 1

    file.write_bytes(images.encode_png(picture))
    of_file = json.loads(done("look", file, out, "--weights", faces.checkpoint.folder))
    assert of_file["logit"] == pytest.approx(found.logit, abs=1e-5)
    says = refused("look", spec, out, "--weights", weights, "--feature", 8)
    assert says == "the last convolution has features 0 to 7, not 8"
    file.write_bytes(b"words")
    assert "not a picture that can be read" in refused("look", file, out, "--weights", weights)


def test_project_finds_a_sample_again_and_writes_what_its_text_draws(
    weights: Path, faces: Model, tmp_path: Path
) -> None:
    out, again, file = (tmp_path / name for name in ("near.png", "again.png", "face.png"))
    [picture] = faces.render([faces.sample(8, 2)])
    file.write_bytes(images.encode_png(picture))
    said = json.loads(done("invert", faces.checkpoint.folder, file, out))
    assert said["distance"]["pixels"] < 4
    assert said["notes"] == []
    done("render", said["spec"], again, "--weights", weights)
    assert out.read_bytes() == again.read_bytes()
    file.write_bytes(b"words")
    says = refused("invert", faces.checkpoint.folder, file, out)
    assert "not a picture that can be read" in says


def test_project_goes_on_without_a_damaged_encoder_and_says_so(tmp_path: Path) -> None:
    model = Model("tiny", tiny.save(tmp_path / "tiny"))
    for name in ("encoder.json", "map.json"):
        (model.checkpoint.folder / name).write_text("{")
    file = tmp_path / "face.png"
    file.write_bytes(images.encode_png(model.render([model.sample(1)])[0]))
    ran = command("invert", model.checkpoint.folder, file, tmp_path / "found.png")
    assert ran.returncode == 0, ran
    [said] = ran.stderr.splitlines()
    assert "encoder.json does not describe a usable encoder" in said
    assert f"`python -m training encoder {model.checkpoint.folder}`" in said


def test_features_are_the_papers_figure(faces: Model, tmp_path: Path) -> None:
    out = tmp_path / "features.png"
    done("features", faces.checkpoint.folder, out, "--first", 6)
    survey = run_to_end(saliency.survey(faces))
    sheet = images.make_grid(survey.top_samples(survey.trained, [6, 7]).pairs, 6)
    drawn = np.asarray(Image.open(out))
    assert drawn.shape == (2 * 32, 12 * 16, 3)
    assert np.abs(drawn[:, : 6 * 16].astype(int) - sheet).mean() < 1
