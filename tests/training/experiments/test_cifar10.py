"""The CIFAR-10 table: its rows, its draws, its sentences."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dcgan.analysis import probe
from dcgan.analysis.probe import Probe
from dcgan.config import IMAGENET32
from dcgan.models import checkpoint
from dcgan.models.networks import Discriminator, Generator
from tests.training import small
from tests.training.experiments.test_svhn import digits, write
from training.cli.app import app
from training.experiments import cifar10, linear_evaluation
from training.metrics import kmeans


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The protocol in small."""
    for name, value in {"PER_CLASS": 6, "DRAWS": 3, "TUNING_EPOCHS": 2}.items():
        monkeypatch.setattr(linear_evaluation, name, value)
    monkeypatch.setattr(cifar10, "CONTROL", 100)
    monkeypatch.setattr(cifar10, "CS", (1e-4, 1e-2))
    monkeypatch.setattr(cifar10, "KMEANS_CS", (1e-3, 1e-2))
    monkeypatch.setattr(kmeans, "PATCHES", 2000)


def save(folder: Path, images_seen: int) -> Path:
    torch.manual_seed(images_seen)
    config = dataclasses.replace(
        IMAGENET32,
        generator_widths=(4,) * 6,
        discriminator_widths=(4, 4, 6, 6, 8, 8),
        norm_eps=1e-5,
    )
    card = f"---\nimages_seen: {images_seen}\n---\n"
    checkpoint.save(folder, Generator(config).eval(), Discriminator(config).eval(), card)
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["run", "cifar10", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_measures_all_few_control_and_curve(few: None, tmp_path: Path) -> None:
    weights = save(tmp_path / "weights", 300)
    for images_seen in (100, 200):
        save(tmp_path / "run" / "checkpoints" / f"{images_seen:09d}", images_seen)
    data, out = write(tmp_path / "data", 400), tmp_path / "cifar10.json"
    (write(tmp_path / "test", 80) / "train.parquet").rename(data / "test-0.parquet")
    given = ["--weights", weights, "--data", data, "--along", tmp_path / "run", "--json", out]
    given += ["--kmeans", 20, "--fine-tuned", 2, "--probe"]
    code, printed, complaint = run(*given)
    assert code == 0, complaint
    facts = json.loads(out.read_text())
    assert facts["pictures"] == {"training": 400, "test": 80, "control": 100}
    assert facts["features"] == 16 * 36
    assert facts["images_seen"] == 300
    assert [point["images"] for point in facts["curve"]] == [100, 200]
    assert facts["few"]["draws"] == 3
    assert facts["all"]["accuracy"] > 0.9  # a bar of light is no secret to any features
    assert facts["few"]["accuracy"] > 0.5
    baseline = facts["kmeans"]
    assert (baseline["centroids"], baseline["features"]) == (20, 80)
    assert baseline["all"]["accuracy"] > 0.6
    assert baseline["few"]["accuracy"] > 0.3
    assert facts["run"]["data"] == facts["pictures"]
    kept = probe.load_probe(checkpoint.load(weights))
    assert kept
    assert kept[0].facts["accuracy"] == facts["all"]["accuracy"]
    assert right(*kept, *digits(400)) > 0.9
    rows = {row[0]: row[1:] for row in small.cells(printed)}
    assert rows["accuracy in %"] == ["400 labels", "the paper", "6 a class", "the paper"]
    for name, found, quoted in (
        ("DCGAN + L2-SVM", facts, ["82.8", "73.8"]),
        ("1-layer K-means", baseline, ["80.6", "63.7"]),
    ):
        full, part, deviation = (
            f"{100 * value:.1f}"
            for value in (
                found["all"]["accuracy"],
                found["few"]["accuracy"],
                found["few"]["deviation"],
            )
        )
        assert rows[name] == [full, quoted[0], f"{part} +- {deviation}", quoted[1]]
    assert rows["Exemplar CNN (quoted)"] == ["", "84.3", "", "77.4"]
    tuned = facts["fine_tuned"]
    assert (tuned["draws"], tuned["untrained"]["draws"], tuned["epochs"]) == (2, 1, 2)
    mean, deviation = f"{100 * tuned['accuracy']:.1f}", f"{100 * tuned['deviation']:.1f}"
    assert rows["this D, fine-tuned"] == ["", "", f"{mean} +- {deviation}", ""]
    untrained = f"{100 * tuned['untrained']['accuracy']:.1f}"
    assert rows["the same network, trained from random weights"] == ["", "", untrained, ""]
    for name, images, point in (
        ("random weights", "0", facts["control"]["untrained"]),
        ("on the way", "200", facts["curve"][1]),
        ("this D", "300", facts["control"]["trained"]),
    ):
        found = [f"{point[part]:.1%}" for part in ("validation", "accuracy")]
        assert rows[name] == [images, *found]
    del facts["kmeans"]
    rows = {row[0]: row[1:] for row in small.cells(cifar10.report(facts))}
    assert rows["1-layer K-means (quoted)"] == ["", "80.6", "", "63.7"]


def test_a_part_is_added_to_what_the_file_has(few: None, tmp_path: Path) -> None:
    weights, data = save(tmp_path / "weights", 300), write(tmp_path / "data", 400)
    out = tmp_path / "cifar10.json"
    found = {"c": 1e-3, "accuracy": 0.5, "validation": 0.5, "draws": 3}
    before = {
        "weights": checkpoint.load(weights).hash,
        "pictures": {"training": 400, "test": 400, "control": 100},
        "all": found,
        "few": found,
        "control": {"trained": found, "untrained": found},
        "curve": [found | {"images": 100, "weights": "12345678"}],
        "run": {"minutes": 60.0},
    }
    out.write_text(json.dumps(before))
    given = ["--weights", weights, "--data", data, "--test", data / "train.parquet"]
    given += ["--kmeans", 0, "--json", out]
    code, _, complaint = run(*given, "--fine-tuned", 1)
    assert code == 0, complaint
    facts = json.loads(out.read_text())
    assert facts["fine_tuned"]["draws"] == 1
    assert facts.pop("run")["minutes"] >= 60
    del before["run"]
    assert {name: facts[name] for name in before} == before

    assert run(*given)[0] == 0  # and stays there
    assert json.loads(out.read_text())["fine_tuned"] == facts["fine_tuned"]
    save(tmp_path / "weights", 400)
    assert run(*given)[0] == 0
    anew = json.loads(out.read_text())
    assert anew["all"] != found
    assert anew["curve"] == []
    assert "fine_tuned" not in anew, "it was another D's"


def right(kept: Probe, network: Discriminator, pictures: np.ndarray, labels: np.ndarray) -> float:
    """The share of pictures that a probe names right."""
    shown = pictures[::8].transpose(0, 2, 3, 1)
    said = [probe.classify(kept, network, picture)[0].name for picture in shown]
    return float(np.mean(np.array(said) == np.array(cifar10.NAMES)[labels[::8]]))


def test_without_weights_it_goes_on_with_the_best_of_a_run(few: None, tmp_path: Path) -> None:
    data, out = write(tmp_path / "data", 400), tmp_path / "cifar10.json"
    for images_seen in (100, 200, 300):
        folder = save(tmp_path / "run" / "checkpoints" / f"{images_seen:09d}", images_seen)
    known = {"images": 300, "weights": checkpoint.load(folder).hash, "validation": 0.0}
    found = {"c": 1e-3, "accuracy": 0.5, "draws": 3}
    baseline = {"centroids": 20, "features": 80, "all": found, "few": found}
    pictures = {"training": 400, "test": 400, "control": 100}
    before = {"pictures": pictures, "curve": [known | {"accuracy": 0.1}], "kmeans": baseline}
    out.write_text(json.dumps(before))
    given = ["--data", data, "--test", data / "train.parquet", "--along", tmp_path / "run"]
    code, _, complaint = run(*given, "--kmeans", 20, "--json", out)
    assert code == 0, complaint
    facts = json.loads(out.read_text())
    assert facts["curve"][2] == before["curve"][0]
    assert facts["kmeans"] == baseline
    accuracies = {point["images"]: point["validation"] for point in facts["curve"]}
    assert len(accuracies) == 3
    assert accuracies[facts["images_seen"]] == max(accuracies.values())
    taken = tmp_path / "run" / "checkpoints" / f"{facts['images_seen']:09d}"
    assert facts["weights"] == checkpoint.load(taken).hash
    assert not list(taken.glob("probe.*"))


def test_draws_are_even_and_differ() -> None:
    labels = np.random.default_rng(0).permutation(np.arange(8000) % 10)
    drawn = [linear_evaluation.draw(labels, number) for number in range(2)]
    assert np.bincount(labels[drawn[0]]).tolist() == [400] * 10
    assert (np.diff(drawn[0]) > 0).all()
    assert set(drawn[0]) != set(drawn[1])


def test_what_can_not_be_measured_is_said_before_long_work(few: None, tmp_path: Path) -> None:
    weights, data = save(tmp_path / "weights", 300), write(tmp_path / "data", 400)
    code, _, complaint = run("--weights", weights, "--data", data)
    assert (code, "has 0 files test*.parquet: give one with --test" in complaint) == (1, True)
    write(tmp_path / "few", 50)
    test = ["--test", data / "train.parquet"]
    code, _, complaint = run("--weights", weights, "--data", tmp_path / "few", *test)
    assert (code, "at least 6 of each" in complaint) == (1, True)
    code, _, complaint = run(
        "--weights", weights, "--data", data, "--test", tmp_path / "no.parquet"
    )
    assert (code, "there is no folder" in complaint) == (1, True)
    generator = checkpoint.load(weights).generator()
    checkpoint.save(tmp_path / "without", generator, None, "")
    code, _, complaint = run("--weights", tmp_path / "without", "--data", data, *test)
    assert (code, "discriminator" in complaint) == (1, True)
    code, _, complaint = run("--data", data, *test)
    assert (code, "give --weights, or --along" in complaint) == (2, True)
    code, _, complaint = run("--along", tmp_path / "data", "--data", data, *test)
    assert (code, "data has no checkpoints" in complaint) == (1, True)
    write(tmp_path / "unlabelled", 400, "digit")
    code, _, complaint = run("--weights", weights, "--data", tmp_path / "unlabelled", *test)
    assert (code, "has no column 'label'" in complaint) == (1, True)
    write(tmp_path / "wide", 400, size=48)
    code, _, complaint = run("--weights", weights, "--data", tmp_path / "wide", *test)
    assert (code, "found no 32x32 pictures" in complaint) == (1, True)
