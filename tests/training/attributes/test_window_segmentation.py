"""The window segmenter: what it reads, learns, keeps in its files, and how it is scored."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score, precision_score, recall_score
from torch.nn import functional as F

from dcgan.analysis import classifiers
from dcgan.analysis.classifiers import IMAGE_SIZE
from dcgan.models.checkpoint import CheckpointError
from tests.training import small
from training.attributes import window_segmentation
from training.attributes.window_segmentation import (
    COVERAGE_THRESHOLD,
    HELD_OUT,
    WindowSegmenter,
    box_blur,
    mask_agreement,
    train_decoder,
    train_segmenter,
)
from training.data.datasets import MaskDataset, hash_position, load_masks
from training.data.readers import DataError

SHIPPED = Path(__file__).parents[3] / "weights" / "judges"


def rooms(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Dark noise (N, 3, 64, 64); every other picture has a bright window, (N, 64, 64)."""
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 90, (count, 3, IMAGE_SIZE, IMAGE_SIZE)).astype(np.uint8)
    masks = np.zeros((count, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for picture, mask in zip(pictures[::2], masks[::2], strict=True):
        top, left = random.integers(4, 28, 2)
        picture[:, top : top + 28, left : left + 24] += 150
        mask[top : top + 28, left : left + 24] = 255
    return pictures, masks


def write_rooms(folder: Path, count: int, room: str = "bedroom") -> list[bytes]:
    """A data set of them, the last ten without masks; returns the files."""
    pictures, masks = rooms(count)
    files = [small.png(picture) for picture in pictures]
    drawn = [{"bytes": small.png(mask[None]), "path": None} for mask in masks[:-10]]
    rows = {
        "image": [{"bytes": file, "path": None} for file in files],
        "window_mask": [*drawn, *[None] * 10],
        "room": [room] * count,
    }
    features = datasets.Features(
        image=datasets.Image(), window_mask=datasets.Image(), room=datasets.Value("string")
    )
    folder.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(rows, features).to_parquet(folder / "train.parquet")
    return files


def masked(count: int, seed: int = 0) -> MaskDataset:
    return MaskDataset(*rooms(count, seed), np.linspace(0, 1, count, endpoint=False))


def test_masks_come_with_their_pictures(tmp_path: Path) -> None:
    files = write_rooms(tmp_path, 40)
    read = load_masks(tmp_path, IMAGE_SIZE, "window_mask")
    pictures, masks = rooms(40)
    assert (read.pictures == pictures[:30]).all()
    assert (read.masks == masks[:30]).all()
    assert read.places.tolist() == [hash_position(file, {}) for file in files[:30]]
    part = read[read.places < 0.5]
    assert len(part.pictures) == len(part.masks) == (read.places < 0.5).sum() > 0
    with pytest.raises(DataError, match="has no column 'door_mask'"):
        load_masks(tmp_path, IMAGE_SIZE, "door_mask")
    with pytest.raises(DataError, match="found no 32x32 pictures with a window_mask"):
        load_masks(tmp_path, 32, "window_mask")


@pytest.mark.long
def test_a_judge_learns_where_windows_are() -> None:
    said: list[str] = []
    judge = WindowSegmenter(train_decoder(masked(64), 4, said.append))
    assert [line.split(",")[0] for line in said] == [f"epoch {i} of 4" for i in (1, 2, 3, 4)]
    pictures, masks = rooms(24, seed=1)
    coverage, features = judge(pictures.transpose(0, 2, 3, 1))
    assert coverage.shape == (24, IMAGE_SIZE, IMAGE_SIZE)
    assert 0 <= coverage.min() < coverage.max() <= 1
    assert features.shape == (24, 1280)
    assert coverage[masks == 255].mean() > coverage[masks == 0].mean() + 0.2
    alone, _ = judge(pictures[3:4].transpose(0, 2, 3, 1))
    assert alone[0] == pytest.approx(coverage[3], abs=1e-4)


@pytest.mark.long
def test_training_writes_what_can_be_read_back(tmp_path: Path) -> None:
    files = write_rooms(tmp_path / "data", 260)
    worth = train_segmenter(str(tmp_path / "data"), tmp_path, lambda _: None, 1)
    kept = sum(hash_position(file, {}) < HELD_OUT for file in files[:250])
    assert worth["held_out"]["pictures"] == kept
    assert worth["trained_on"] == 250 - kept
    judge, facts = window_segmentation.load_segmenter(tmp_path)
    assert facts == worth == json.loads(json.dumps(worth))
    pictures = rooms(2)[0].transpose(0, 2, 3, 1)
    coverage, features = judge(pictures)
    torch.testing.assert_close(features, window_segmentation.Encoder()(pictures)[0])
    assert coverage[0].max() != coverage[1].max()


def test_what_can_not_be_learned_or_read_is_said(tmp_path: Path) -> None:
    write_rooms(tmp_path / "data", 60)
    with pytest.raises(DataError, match="too few pictures with a window_mask"):
        train_segmenter(str(tmp_path / "data"), tmp_path, lambda _: None, 1)
    with pytest.raises(CheckpointError, match="python -m training window-segmenter makes"):
        window_segmentation.load_segmenter(tmp_path)
    classifiers.save_classifier(
        tmp_path,
        window_segmentation.NAME,
        window_segmentation.Decoder(window_segmentation.DecoderConfig(8)),
        {},
    )
    path = tmp_path / "windows.json"
    path.write_text(path.read_text().replace('"width": 8', '"width": 16'))
    with pytest.raises(CheckpointError, match=r"has shape .*, not \(16, "):
        window_segmentation.load_segmenter(tmp_path)


def test_agreement_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    _, masks = rooms(12)
    coverage = np.clip(masks / 255 * 0.3 + random.uniform(0, 0.6, masks.shape), 0, 1)
    found = mask_agreement(coverage, masks)
    true, said = (masks >= 128).ravel(), (coverage >= COVERAGE_THRESHOLD).ravel()
    assert found["iou"] == pytest.approx(jaccard_score(true, said), abs=1e-4)
    assert found["iou_at_half"] == pytest.approx(
        jaccard_score(true, coverage.ravel() >= 0.5), abs=1e-4
    )
    assert found["precision"] == pytest.approx(precision_score(true, said), abs=1e-4)
    assert found["recall"] == pytest.approx(recall_score(true, said), abs=1e-4)
    assert found["true_share"] == pytest.approx(masks.mean() / 255, abs=1e-4)
    assert found["share_without_window"] == pytest.approx(coverage[1::2].mean(), abs=1e-4)
    assert found["has_window_auc"] == 1
    assert mask_agreement(masks / 255, masks)["iou"] == 1


def test_softened_is_the_mean_of_nine() -> None:
    pictures = rooms(2)[0]
    padded = F.pad(torch.from_numpy(pictures).float(), (1, 1, 1, 1), mode="replicate")
    expected = F.avg_pool2d(padded, 3, 1).numpy().transpose(0, 2, 3, 1)
    soft = box_blur(pictures.transpose(0, 2, 3, 1))
    assert soft == pytest.approx(expected, abs=0.501)


def test_the_shipped_judge_is_worth_something() -> None:
    judge, facts = window_segmentation.load_segmenter(SHIPPED)
    assert facts["held_out"]["sharp"]["iou"] > 0.3
    assert facts["held_out"]["sharp"]["has_window_auc"] > 0.75
    size = (SHIPPED / "windows.safetensors").stat().st_size
    assert size < 2e6
    assert judge(rooms(1)[0].transpose(0, 2, 3, 1))[0].max() < 1
