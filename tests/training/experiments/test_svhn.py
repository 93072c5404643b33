"""The SVHN table: its split, its protocol, its sentences."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dcgan.config import SVHN
from dcgan.models import checkpoint
from dcgan.models.networks import Discriminator, Generator
from tests.training import small
from training.cli.app import app
from training.data.datasets import load_images
from training.data.readers import DataError
from training.experiments import supervised, svhn
from training.experiments.supervised import Classifier, Hyperparameters, LabelledImages, error_rate
from training.recipes import SVHN_RECIPE


def digits(count: int, size: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise (N, 3, size, size) with a bright bar whose place tells the label (N,)."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    pictures = random.integers(0, 150, (count, 3, size, size))
    for number, label in enumerate(labels):
        pictures[number, :, 3 * label : 3 * label + 3] += 100
    return pictures.astype(np.uint8), labels


def write(folder: Path, count: int, name: str = "label", size: int = 32) -> Path:
    pictures, labels = digits(count, size)
    images = [{"bytes": small.png(picture), "path": None} for picture in pictures]
    features = datasets.Features({"image": datasets.Image(), name: datasets.Value("int64")})
    table = datasets.Dataset.from_dict({"image": images, name: labels.tolist()}, features)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "train.parquet")
    return folder


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The protocol in small."""
    for name, value in {
        "TEST": 100,
        "VALIDATION": 60,
        "PER_CLASS": 4,
        "CHOOSING": 2,
        "REPORTED": 3,
        "SELF_TRAINED": 1,
        "CS": (1e-4, 1e-2),
        "PIXEL_CS": (1e-4, 1e-2),
        "NEIGHBOURS": (1, 3),
    }.items():
        monkeypatch.setattr(svhn, name, value)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = dataclasses.replace(
        SVHN, generator_widths=(8, 6, 4), discriminator_widths=(4, 6, 8), norm_eps=1e-5
    )
    checkpoint.save(tmp_path / "tiny", Generator(config).eval(), Discriminator(config).eval(), "")
    return tmp_path / "tiny"


def test_no_picture_has_two_parts_and_none_of_the_test_is_trained_on(
    few: None, tmp_path: Path
) -> None:
    data = write(tmp_path / "data", 400)
    split = svhn.read(str(data), 32, 3)
    parts = [split.drawn_from, split.validation, split.test]
    assert sorted(np.concatenate(parts)) == list(range(400))
    drawn = split.draw(0)
    assert np.bincount(split.labels[drawn]).tolist() == [4] * 10
    assert set(drawn) <= set(split.drawn_from)
    assert set(drawn) != set(split.draw(1))
    assert (drawn == split.draw(0)).all()
    trained = load_images(data, 32, 3, held_out=SVHN_RECIPE.held_out).train
    tested = {picture.tobytes() for picture in split.pool.pictures[split.test]}
    assert not tested & {picture.tobytes() for picture in trained}


def test_the_command_measures_every_row(
    few: None, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "EPOCHS", 3)
    monkeypatch.setattr(supervised, "CHECKS", (1, 2))
    data, out = write(tmp_path / "data", 400), tmp_path / "svhn.json"
    arguments = ["--weights", str(weights), "--data", str(data), "--searched", "3"]
    done = CliRunner().invoke(app, ["run", "svhn", *arguments, "--json", str(out)])
    assert done.exit_code == 0, done.output
    facts = json.loads(out.read_text())
    assert facts["pictures"] == {"drawn_from": 240, "validation": 60, "test": 100}
    rows = facts["rows"]
    assert list(rows) == [
        "tiny + L2-SVM",
        "the network of tiny, untrained, + L2-SVM",
        "pixels + L2-SVM",
        "pixels + KNN",
        "pixels + self-trained logistic regression",
        "supervised CNN, same architecture",
    ]
    assert rows["tiny + L2-SVM"]["features"] == 16 * 18
    assert rows["pixels + L2-SVM"]["error"] < 0.2  # a bar is no secret to a linear classifier
    assert rows["supervised CNN, same architecture"]["tried"] == 3
    assert facts["run"]["data"] == facts["pictures"]
    [_, *told] = small.cells(done.stdout)
    assert [row[:2] for row in told[: len(rows)]] == [
        [name, f"{row['error']:.2%}"] for name, row in rows.items()
    ]
    assert [row[-1] for row in told[: len(rows)]] == ["22.48%", "", "", "77.93%", "", "28.87%"]
    assert ["TSVM (quoted)", "", "", "", "66.55%"] in told
    assert len(told) == len(rows) + len(svhn.QUOTED) - 3
    assert told[0][2].endswith("% over 3")
    assert told[0][3] == f"C {rows['tiny + L2-SVM']['c']:g}, 288 features"
    assert told[5][3].startswith("best of 3, ")


@pytest.mark.long
def test_hopeless_settings_stop_and_the_best_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "EPOCHS", 10)
    monkeypatch.setattr(supervised, "CHECKS", (6,))
    rates = iter([1e-3, 1e-9, 1e-9, 2e-3])
    monkeypatch.setattr(
        supervised, "draw_hyperparameters", lambda *_: Hyperparameters(next(rates), 1e-6, 16, 0.0)
    )
    parts = {
        name: LabelledImages(*digits(120, seed=seed))
        for seed, name in enumerate(("train", "validation", "test"))
    }
    config = dataclasses.replace(SVHN, discriminator_widths=(8, 8, 8), norm_eps=1e-5)
    said: list[str] = []
    found = supervised.random_search(config, 10, parts, 4, 0, said.append)
    assert (found["tried"], found["stopped"]) == (4, 2)
    assert found["setting"]["rate"] >= 1e-3
    assert found["validation"] < 0.3
    assert any(line.startswith("setting 2, epoch 6") for line in said)
    assert not any(line.startswith("setting 2, epoch 10") for line in said)


def test_a_classifier_is_wrong_by_chance_before_it_has_learned() -> None:
    torch.manual_seed(0)
    untrained = Classifier(Discriminator(dataclasses.replace(SVHN, norm_eps=1e-5)), 10, 0.5)
    assert 0.7 < error_rate(untrained, LabelledImages(*digits(200))) <= 1
    assert not untrained.training


def test_what_can_not_be_measured_is_said_first(few: None, tmp_path: Path, weights: Path) -> None:
    with pytest.raises(DataError, match="4 of each to draw from"):
        svhn.read(str(write(tmp_path / "few", 190)), 32, 3)
    with pytest.raises(DataError, match="has no column 'label'"):
        svhn.read(str(write(tmp_path / "unlabelled", 400, "digit")), 32, 3)
    (weights / "model.safetensors").rename(weights / "away")
    arguments = ["--weights", str(weights), "--data", str(tmp_path / "few")]
    done = CliRunner().invoke(app, ["run", "svhn", *arguments])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
