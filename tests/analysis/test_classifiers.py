"""Judges: what is saved comes back, what does not fit is refused, the shipped ones are small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from dcgan.analysis import classifiers
from dcgan.analysis.classifiers import AttributeClassifier, ClassifierConfig, classify_images
from dcgan.models.checkpoint import CheckpointError

SHIPPED = Path(__file__).parents[2] / "weights" / "judges"
OUTPUTS = ("smiling", "male")


def classifier(kind: Any = "plain", widths: tuple[int, ...] = (4, 6)) -> AttributeClassifier:
    torch.manual_seed(0)
    made = AttributeClassifier(ClassifierConfig(kind, OUTPUTS, widths))
    made(torch.randn(8, 3, 64, 64))  # its statistics are then not the initial ones
    return made.eval()


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_a_saved_judge_comes_back_with_its_facts(tmp_path: Path, kind: str) -> None:
    made = classifier(kind)
    classifiers.save_classifier(tmp_path, "x", made, {"trained_on": 7})
    loaded, facts = classifiers.load_classifier(tmp_path, "x")
    assert facts == {"trained_on": 7}
    assert loaded.config == made.config
    assert not loaded.training
    before, after = classify_images(made, pictures(4)), classify_images(loaded, pictures(4))
    assert list(after) == list(OUTPUTS)
    for name in OUTPUTS:
        np.testing.assert_allclose(before[name], after[name], atol=5e-3)  # half precision
    assert np.ptp(after["male"]) > 0


def test_pictures_are_measured_alike_alone_and_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    made, some = classifier(), pictures(5)
    monkeypatch.setattr(classifiers, "BATCH_SIZE", 2)
    batched = classify_images(made, some)["smiling"]
    x = torch.from_numpy(some.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)
    np.testing.assert_allclose(batched, made(x)[:, 0].detach(), atol=1e-5)


def test_only_the_plain_one_sees_where() -> None:
    """Two pictures of which one is the other moved by 16 pixels, on an even ground."""
    here = np.full((1, 64, 64, 3), 128, np.uint8)
    here[:, 20:28, 20:28] = 255
    both = np.concatenate([here, np.roll(here, 16, axis=2)])
    assert np.ptp(classify_images(classifier("residual"), both)["male"]) < 1e-4
    assert np.ptp(classify_images(classifier("plain"), both)["male"]) > 1e-3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "round"}, "a classifier's kind is one of plain, residual, not 'round'"),
        ({"outputs": []}, "a classifier's outputs can't be []"),
        ({"widths": [4, "6"]}, "a classifier's widths can't be [4, '6']"),
        ({"widths": [4] * 7}, "can't be halved 7 times"),
        ({"widths": [4, 8]}, "has shape (6, 4, 3, 3), not (8, 4, 3, 3)"),
        ({"widths": [4, 6, 8]}, "does not hold the network that x.json describes"),
        ({"version": 2}, "it has version 2, not 1"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    classifiers.save_classifier(tmp_path, "x", classifier(), {})
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError) as error:
        classifiers.load_classifier(tmp_path, "x")
    assert says in str(error.value)


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"no classifier x in .*python -m training attribute-classifiers"
    ):
        classifiers.load_classifier(tmp_path, "x")
    classifiers.save_classifier(tmp_path, "x", classifier(), {})
    weights = tmp_path / "x.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    with pytest.raises(CheckpointError, match=r"x\.safetensors can't be read as safetensors"):
        classifiers.load_classifier(tmp_path, "x")
    weights.write_bytes(safetensors.torch.save({"score.bias": torch.zeros(2)}))
    with pytest.raises(CheckpointError, match=r"missing blocks\.0\.0\.weight"):
        classifiers.load_classifier(tmp_path, "x")
    weights.write_bytes(whole)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"x\.json .*\(it is not valid JSON"):
        classifiers.load_classifier(tmp_path, "x")
    (tmp_path / "x.json").write_text('{"version": 1, "kind": "plain", "widths": [4]}')
    with pytest.raises(CheckpointError, match=r"it has no 'outputs'"):
        classifiers.load_classifier(tmp_path, "x")


def test_the_shipped_judges_are_small_unlike_and_better_than_chance() -> None:
    kinds = set()
    for name in ("a", "b"):
        shipped, facts = classifiers.load_classifier(SHIPPED, name)
        kinds.add(shipped.config.kind)
        assert (SHIPPED / f"{name}.safetensors").stat().st_size < 2 * 2**20
        for output in ("smiling", "eyeglasses", "male"):
            assert facts["held_out"][output]["balanced"] > 0.85, (name, output)
    assert len(kinds) == 2
