"""Generated digits as a training set: the search, the labels' way, the sentences."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from typer.testing import CliRunner

from dcgan.cli import app as library
from dcgan.config import MNIST
from dcgan.models import checkpoint
from tests import tiny
from tests.training import small
from tests.training.experiments.test_svhn import digits
from training.cli.app import app
from training.experiments import mnist
from training.recipes import MNIST_RECIPE

CPU = torch.device("cpu")
TINY = dataclasses.replace(
    MNIST,
    z_size=8,
    generator_widths=(6, 4),
    discriminator_widths=(4, 6),
    hidden_dense=12,
    norm_eps=1e-5,
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiment in small."""
    for name, value in {"BLOCK": 50, "COUNTS": (100, 150), "REAL": (60, 200, 500)}.items():
        monkeypatch.setattr(mnist, name, value)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """240 digits to train on and 70 to test on; a bar's place tells the label."""
    folder = tmp_path / "data"
    folder.mkdir()
    for part, number in (("train", 240), ("test", 70)):
        pictures, labels = digits(number, 28, seed=number)
        images = [{"bytes": small.png(picture[:1]), "path": None} for picture in pictures]
        features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
        table = datasets.Dataset.from_dict({"image": images, "label": labels}, features)
        table.to_parquet(folder / f"{part}-0.parquet")
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["run", "mnist", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_the_nearest_is_found_piece_by_piece(few: None) -> None:
    random = np.random.default_rng(0)
    known = random.integers(0, 256, (230, 5, 5), np.uint8)
    asked = random.integers(0, 256, (40, 5, 5), np.uint8)
    labels = random.integers(0, 10, 230)
    nearest = mnist.Nearest(asked, CPU)
    assert (nearest.labels == -1).all()
    for end in (90, 230):
        start = 0 if end == 90 else 90
        nearest.add(known[start:end], labels[start:end])
        judge = KNeighborsClassifier(1).fit(known[:end].reshape(end, -1), labels[:end])
        assert (nearest.labels == judge.predict(asked.reshape(40, -1))).all()


def test_the_command_measures_generated_and_real_digits(
    few: None, data: Path, tmp_path: Path
) -> None:
    weights, out = tmp_path / "weights", tmp_path / "mnist.json"
    generator = tiny.save(weights, TINY).generator()
    code, printed, complaint = run("--weights", weights, "--data", data, "--json", out)
    assert code == 0, complaint
    facts = json.loads(out.read_text())
    assert facts["pictures"] == {"training": 240, "test": 70}
    assert [row["digits"] for row in facts["real"]] == [60, 200, 240]
    assert facts["real"][-1]["rate"] < 0.1
    assert [row["digits"] for row in facts["generated"]] == [100, 150]
    drawn = [generator.sample(50, mnist.SEED + block)[..., 0] for block in range(3)]
    judge = KNeighborsClassifier(1).fit(
        np.concatenate(drawn).reshape(150, -1), np.tile(np.arange(50) % 10, 3)
    )
    asked, labels = digits(70, 28, seed=70)
    wrong = judge.predict(asked[:, 0].reshape(70, -1)) != labels
    assert facts["generated"][-1]["count"] == wrong.sum()
    assert facts["run"]["data"] == facts["pictures"]
    [head, *told] = small.cells(printed)
    assert head[:4] == ["digits", "generated", "real", "DCGAN (quoted)"]
    rows = {row[0]: row[1:] for row in told}
    assert list(rows) == ["60", "100", "150", "200", "240", "50,000", "10,000,000"]
    for column, name in enumerate(("generated", "real")):
        for row in facts[name]:
            shown = f"{row['rate']:.2%} ({row['low']:.1%} to {row['high']:.1%})"
            assert rows[f"{row['digits']}"][column] == shown
    assert rows["50,000"] == ["", "", "2.98%", "3.10%", "6.28%", "", ""]
    assert rows["10,000,000"] == ["", "", "1.48%", "", "5.65%", "2.60%", "1.40%"]
    code, printed, _ = run("--weights", weights, "--data", data, "--minutes", 0)
    assert (code, "% from 50 generated digits" in printed) == (0, True)


def test_labels_stay_with_their_pictures_on_the_way_to_the_trainer(data: Path) -> None:
    found = MNIST_RECIPE.pictures(data)
    assert 20 < len(found.held_out) < 60
    assert found.labels is not None
    brightest = found.train[:, 0].mean(axis=2).argmax(axis=1) // 3
    assert (brightest == found.labels).all()


def test_picture_i_shows_class_i_modulo_ten_in_grids_and_on_the_command_line(
    tmp_path: Path,
) -> None:
    weights, out = tmp_path / "weights", tmp_path / "samples.npy"
    generator = tiny.save(weights, TINY).generator()
    with torch.no_grad():  # the class alone counts, and is the brightness
        last = generator.get_parameter("convolutions.1.weight")
        last.zero_()
        last[-10:] = torch.linspace(-1, 1, 10)[:, None, None, None]
    checkpoint.save(weights, generator, None, tiny.CARD)
    done = CliRunner().invoke(
        library, ["sample", str(weights), "--count", "20", "--out", str(out), "--seed", "3"]
    )
    assert done.exit_code == 0, done.output
    for pictures in (np.load(out), generator.sample(20, seed=3)):
        brightness = pictures.mean(axis=(1, 2, 3))
        assert (np.diff(brightness[:10]) > 0).all()
        assert (brightness[10:] == brightness[:10]).all()


def test_what_can_not_be_measured_is_said_first(few: None, data: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    tiny.save(tmp_path / "faces")
    code, _, complaint = run("--weights", tmp_path / "faces", "--data", data)
    assert (code, "draws without classes" in complaint) == (1, True)
    tiny.save(weights, dataclasses.replace(TINY, classes=9))
    code, _, complaint = run("--weights", weights, "--data", data)
    assert (code, "labels 0 to 9, and G draws classes 0 to 8" in complaint) == (1, True)
    tiny.save(weights, TINY)
    (data / "test-0.parquet").unlink()
    code, _, complaint = run("--weights", weights, "--data", data)
    assert (code, "has 0 files test*.parquet: give one with --test" in complaint) == (1, True)
