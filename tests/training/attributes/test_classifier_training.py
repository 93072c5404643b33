"""Training classifiers: what they learn, of which pictures, and how they are scored."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from dcgan.analysis import classifiers
from dcgan.analysis.classifiers import AttributeClassifier, ClassifierConfig, classify_images
from tests.training import small
from training.attributes import classifiers as training
from training.attributes.classifiers import (
    CLASSIFIERS,
    train_classifier,
    train_classifiers,
    validation_report,
)
from training.data.datasets import (
    DEFAULT_HELD_OUT,
    AttributeDataset,
    hash_position,
    load_attributes,
    to_channels_last,
)
from training.data.readers import DataError

COLUMNS = ("smiling", "male")


def faces(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise (N, 3, 64, 64), smiling where it is bright below, a man where it is bright above."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, (count, 2)).astype(np.int8)
    pictures = random.integers(0, 160, (count, 3, 64, 64))
    pictures[:, :, 40:] += 90 * labels[:, 0, None, None, None]
    pictures[:, :, :24] += 90 * labels[:, 1, None, None, None]
    return pictures.astype(np.uint8), labels


def part(count: int, seed: int = 0) -> AttributeDataset:
    pictures, labels = faces(count, seed)
    places = np.linspace(0, 1, count, endpoint=False)
    return AttributeDataset(pictures, labels, places, [str(number) for number in range(count)])


def write_parquet(folder: Path, count: int) -> list[bytes]:
    """Faces of all columns, the first ten of one person; returns the files."""
    pictures, labels = faces(count)
    files = [small.png(picture) for picture in pictures]
    columns = {name: np.resize(labels, (count, 2))[:, 0].tolist() for name in training.ATTRIBUTES}
    columns["male"] = labels[:, 1].tolist()
    columns["smiling"] = [-1, -1, *labels[2:, 0].tolist()]
    rows = {
        "image": [{"bytes": file, "path": None} for file in files],
        "person": [7] * 10 + [-1] * (count - 10),
        **columns,
    }
    features = datasets.Features(
        {
            "image": datasets.Image(),
            **{name: datasets.Value("int64") for name in ("person", *columns)},
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(rows, features).to_parquet(folder / "train.parquet")
    return files


def test_attributes_come_with_the_pictures_their_places_and_names(tmp_path: Path) -> None:
    files = write_parquet(tmp_path, 40)
    read = load_attributes(tmp_path, 64, 3, COLUMNS)
    pictures, labels = faces(40)
    assert (read.pictures == pictures).all()
    assert (read.labels[2:] == labels[2:]).all()
    assert (read.labels[:2, 0] == -1).all()
    assert read.names == [hashlib.sha256(file).hexdigest()[:16] for file in files]
    assert len(set(read.places[:10])) == 1
    assert len(set(read.places)) == 31
    held_out = [hash_position(file, {}) < DEFAULT_HELD_OUT for file in files[10:]]
    assert ((read.places < DEFAULT_HELD_OUT)[10:] == held_out).all()
    some = read[read.labels[:, 1] == 1]
    assert len(some.names) == len(some.pictures) == labels[:, 1].sum()
    with pytest.raises(DataError, match="has no column 'hat'"):
        load_attributes(tmp_path, 64, 3, ["hat"])
    with pytest.raises(DataError, match="found no 32x32 pictures"):
        load_attributes(tmp_path, 32, 3, COLUMNS)


def test_a_judge_learns_what_the_labels_say_and_not_the_unknown() -> None:
    learned = part(256)
    learned.labels[::3, 0] = -1
    classifier = train_classifier(
        ClassifierConfig("plain", COLUMNS, (8, 8, 8)), learned, 0, 6, lambda line: None
    )
    assert not classifier.training
    pictures, labels = faces(100, seed=1)
    logits = classify_images(classifier, to_channels_last(pictures))
    for column, name in enumerate(COLUMNS):
        assert ((logits[name] > 0) == labels[:, column]).mean() > 0.9


def test_training_again_gives_the_same_judge() -> None:
    config = ClassifierConfig("residual", COLUMNS, (4, 4))
    once, again = (train_classifier(config, part(128), 3, 1, lambda line: None) for _ in range(2))
    for one, other in zip(once.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_both_sides_of_a_column_weigh_the_same() -> None:
    labels = np.array([[1, -1], [0, 1], [0, 1], [0, 0]], np.int8)
    weights = training._label_weights(labels).numpy()
    assert weights[0, 0] == pytest.approx(2.0)
    assert weights[1:, 0] == pytest.approx([2 / 3] * 3)
    assert weights[:, 1] == pytest.approx([0, 0.75, 0.75, 1.5])
    with pytest.raises(DataError, match="both 0 and 1"):
        training._label_weights(np.array([[1], [-1]], np.int8))


def test_a_report_counts_what_is_right() -> None:
    """A classifier that answers yes to smiling and no to male, whatever it sees."""
    classifier = AttributeClassifier(ClassifierConfig("plain", training.ATTRIBUTES, (2,)))
    torch.nn.init.zeros_(classifier.score.weight)
    classifier.score.bias.data = torch.tensor([1.0, -1.0, -1.0, 1.0, 1.0])
    pictures, _ = faces(6)
    labels = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1], [-1, 0, 1]], np.int8)
    labels = np.concatenate([labels, np.tile([[0, 1], [1, 0]], (3, 1)).astype(np.int8)], axis=1)
    found = validation_report(
        classifier.eval(), AttributeDataset(pictures, labels, np.zeros(6), [""] * 6)
    )
    assert found["smiling"] == {"accuracy": 0.6, "balanced": 0.5, "yes": 3, "no": 2}
    assert found["eyeglasses"] == {"accuracy": 0.6667, "balanced": 0.5, "yes": 2, "no": 4}
    assert found["cells"]["smiling woman"] == {"found": 3, "of": 3}
    assert found["cells"]["smiling man"] == {"found": 0, "of": 0}
    assert found["cells"]["woman with glasses"] == {"found": 0, "of": 1}


def test_two_judges_are_trained_on_disjoint_halves_and_scored_on_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parquet(tmp_path / "data", 400)
    monkeypatch.setattr(training, "BATCH_SIZE", 32)
    given = {}
    real = training.train_classifier

    def noted(
        config: ClassifierConfig, part: AttributeDataset, *rest: object
    ) -> AttributeClassifier:
        given[config.kind] = set(part.names)
        return real(config, part, *rest)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(training, "train_classifier", noted)
    lines: list[str] = []
    worth = train_classifiers(str(tmp_path / "data"), tmp_path / "out", lines.append, epochs=1)
    assert lines[0].startswith("a: epoch 1 of 1, loss")
    first, second = given["plain"], given["residual"]
    read = load_attributes(tmp_path / "data", 64, 3, COLUMNS)
    held_out = {
        n for n, place in zip(read.names, read.places, strict=True) if place < DEFAULT_HELD_OUT
    }
    assert not first & second
    assert not (first | second) & held_out
    assert len(first | second | held_out) == 400
    for name, config in CLASSIFIERS.items():
        classifier, facts = classifiers.load_classifier(tmp_path / "out", name)
        assert classifier.config == config
        assert json.loads(json.dumps(worth[name])) == facts
        assert facts["held_out"]["male"]["yes"] + facts["held_out"]["male"]["no"] == len(held_out)
