"""The probe: its scores and what they are made of, and what of it is kept beside the weights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dcgan.analysis import probe
from dcgan.analysis.features import extract_features, feature_length, reestimate_statistics
from dcgan.analysis.probe import Probe
from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.network_files import ProbeDescription
from dcgan.models.networks import Discriminator
from dcgan.rendering.engine import Model
from tests import tiny
from tests.test_cli import done

PICTURES = np.random.default_rng(3).integers(0, 256, (40, 3, 16, 16), np.uint8)
FACTS = {"data": "Noise", "test": 40, "accuracy": 0.7, "c": 1e-4}
CLASSES = ("cat", "dog", "ship", "truck")


def fitted(weights: Checkpoint) -> tuple[Probe, Discriminator]:
    """A probe with random weights, of the D that has seen `PICTURES`."""
    random = np.random.default_rng(4)
    network = reestimate_statistics(weights.discriminator(), PICTURES)
    usual = extract_features(network, PICTURES).detach().numpy().mean(axis=0)
    kernel = random.normal(0, 0.01, (len(CLASSES), feature_length(weights.config))).astype(
        np.float32
    )
    intercepts = random.normal(0, 1, len(CLASSES)).astype(np.float32)
    return Probe(CLASSES, kernel, intercepts, usual, FACTS), network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    found = tiny.save(tmp_path_factory.mktemp("tiny"))
    probe.save_probe(found.folder, *fitted(found))
    return found


def opened(weights: Checkpoint) -> tuple[Probe, Discriminator]:
    found = probe.load_probe(weights)
    assert found
    return found


def test_a_score_is_the_average_pictures_and_what_layers_add(weights: Checkpoint) -> None:
    loaded, network = opened(weights)
    picture = PICTURES[5]
    answers = probe.classify(loaded, network, picture.transpose(1, 2, 0))
    found = extract_features(network, picture[None]).numpy()[0].astype(np.float64)
    scores = loaded.weights @ found + loaded.intercepts
    assert [answer.name for answer in answers] == [CLASSES[k] for k in np.argsort(-scores)]
    for answer in answers:
        k = CLASSES.index(answer.name)
        assert answer.score == pytest.approx(scores[k], abs=1e-6)
        assert answer.usual + sum(answer.parts) == pytest.approx(answer.score, abs=1e-12)
        assert answer.usual == pytest.approx(
            loaded.weights[k] @ loaded.usual + loaded.intercepts[k], abs=1e-5
        )
        # the layer of 4 maps next to the picture, then that of 8, each of 4x4
        first = loaded.weights[k, :64] @ (found - loaded.usual)[:64]
        assert answer.parts == pytest.approx([first, scores[k] - answer.usual - first], abs=1e-5)
    told = probe.answer_json(loaded, network, picture.transpose(1, 2, 0))
    assert told["answers"] == [dataclasses.asdict(answer) for answer in answers[:3]]
    assert json.loads(json.dumps(told))["classes"] == list(CLASSES)


def test_it_is_read_as_it_was_taught(weights: Checkpoint) -> None:
    taught, by = fitted(weights)
    loaded, network = opened(weights)
    assert not network.training
    assert (loaded.classes, loaded.facts) == (CLASSES, FACTS)
    assert weights.probe == ProbeDescription(CLASSES, FACTS)
    picture = PICTURES[5].transpose(1, 2, 0)
    for one, other in zip(
        probe.classify(taught, by, picture),
        probe.classify(loaded, network, picture),
        strict=True,
    ):
        assert one.name == other.name
        assert other.score == pytest.approx(one.score, abs=0.01)  # weights in half precision
    ours, theirs, plain = (
        net.state_dict()["norms.1.running_mean"] for net in (network, by, weights.discriminator())
    )
    assert ours.equal(theirs)  # the statistics that it was taught with
    assert not ours.allclose(plain)
    assert weights.folder.joinpath("probe.safetensors").stat().st_size < 4096


def test_a_checkpoint_may_have_none(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    assert probe.load_probe(weights) is None
    assert weights.probe is None


def changed(**fields: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "probe.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "probe.json").write_bytes(b"\xff{"), "can't decode byte"),
        (lambda folder: (folder / "probe.json").write_text("[]"), "it is not one JSON object"),
        (changed(version=2), r"it has version 2, not 1\): fit it again"),
        (changed(weights="00000000"), "it is of the weights 00000000, not of"),
        (changed(classes="cat"), "must list the names of two classes or more"),
        (changed(classes=["cat", 3]), "must list the names of two classes or more"),
        (changed(facts={**FACTS, "accuracy": float("nan")}), "facts must be finite numbers"),
        (changed(facts={"data": "Noise"}), "must state facts with data, test, accuracy"),
        (changed(classes=[*CLASSES, "frog"]), r"weights has shape \(4, 192\), not \(5, 192\)"),
        (lambda folder: (folder / "probe.safetensors").unlink(), "can't be read as safetensors"),
    ],
)
def test_files_that_do_not_fit_are_a_sentence(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    weights = tiny.save(tmp_path)
    probe.save_probe(tmp_path, *fitted(weights))
    spoil(tmp_path)
    with pytest.raises(CheckpointError, match=words) as raised:
        probe.load_probe(weights)
    assert str(tmp_path) in str(raised.value)


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    taught, network = fitted(weights)
    with pytest.raises(CheckpointError, match="must state facts"):
        probe.save_probe(tmp_path, dataclasses.replace(taught, facts={}), network)
    short = dataclasses.replace(taught, usual=taught.usual[:-1])
    with pytest.raises(CheckpointError, match=r"usual must be \(192,\), not \(191,\)"):
        probe.save_probe(tmp_path, short, network)
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        probe.save_probe(tmp_path.parent, taught, network)
    assert not list(tmp_path.glob(checkpoint.PROBE))


def test_look_says_what_the_probe_calls_a_picture(weights: Checkpoint, tmp_path: Path) -> None:
    model = Model("tiny", weights)
    [picture] = model.render([model.sample(8, 2)])
    text = str(model.sample(8, 2))
    said = json.loads(done("look", text, tmp_path / "look.png", "--weights", weights.folder))
    told = probe.answer_json(*opened(weights), picture)
    assert said["probe"].keys() == told.keys()
    for one, other in zip(said["probe"]["answers"], told["answers"], strict=True):
        assert one["name"] == other["name"]
        assert one["parts"] == pytest.approx(other["parts"], abs=1e-5)
    file = tmp_path / "tiny.png"
    file.write_bytes(images.encode_png(picture))
    of_file = json.loads(done("look", file, file, "--weights", weights.folder))
    assert of_file["probe"] == said["probe"]
