"""Window segmentation of rooms: the share of each pixel that is covered by window.

    python -m training window-segmenter --data ../shared/data/rooms --out weights/judges

Takes about 5 minutes on a core. Some of the images have masks drawn by people (column window_mask).
A small decoder is trained on feature maps of a frozen efficientnet-lite0, the network of
`distances.EfficientNetFeatures`, so that one forward pass gives both coverage and the features of
KID. Training uses photographs only, some of them blurred to resemble samples; one image in five, by
hash, is held out for validation. A decoder of twice the width, trained for longer, was no better on
these (IoU 0.38 after 30 epochs; 0.39 here).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.analysis.classifiers import IMAGE_SIZE, ConfiguredModule, read_network, save_classifier
from dcgan.media import images
from training.attributes.classifiers import augment_images
from training.data.datasets import MaskDataset, load_masks, to_channels_last
from training.data.readers import DataError
from training.data.sampler import random_generator
from training.metrics.distances import BATCH_SIZE, EfficientNetFeatures

NAME, COLUMN = "windows", "window_mask"
HELD_OUT = 0.2
"""Share of the masked images held out for validation; includes those held out from G."""
STAGE_WIDTHS = {2: 24, 4: 40, 10: 112, 15: 320}
"""Block of the encoder -> number of its feature maps; they are 32, 16, 8 and 4 cells wide."""
COVERAGE_THRESHOLD = 0.3
"""Coverage from which a pixel counts as window.

The F1 score of a calibrated probability is maximal at a threshold of half that F1 score.
"""
EPOCHS, TRAINING_BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 18, 32, 3e-3, 0.05
DROPOUT = 0.3
"""Dropout probability of the encoder's maps in training; there are few images with masks."""


@dataclass(frozen=True)
class DecoderConfig:
    """Architecture of the decoder. width: number of feature maps of each stage."""

    width: int = 32


class Decoder(ConfiguredModule):
    """Feature pyramid decoder: maps of each stage in `STAGE_WIDTHS` -> logits (N, 64, 64)."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.lateral = nn.ModuleList(
            nn.Sequential(
                nn.Dropout2d(DROPOUT),
                nn.Conv2d(maps, width, 1, bias=False),
                nn.BatchNorm2d(width),
            )
            for maps in STAGE_WIDTHS.values()
        )
        self.merge = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
            )
            for _ in STAGE_WIDTHS
        )
        self.score = nn.Conv2d(width, 1, 1)

    def forward(self, stages: list[Tensor]) -> Tensor:
        """Merge the stages from the coarsest to the finest."""
        layers = list(zip(stages, self.lateral, self.merge, strict=True))
        seen: Tensor | None = None
        for maps, lateral, merge in reversed(layers):
            added = lateral(maps)
            seen = merge(F.relu(added if seen is None else added + _upsample(seen)))
        assert seen is not None
        return _upsample(self.score(seen)).squeeze(1)


def _upsample(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="bilinear")


class Encoder:
    """efficientnet-lite0: images (N, 64, 64, 3) uint8 -> features (N, 1280) and the maps of each
    stage in `STAGE_WIDTHS`, collected by forward hooks."""

    def __init__(self) -> None:
        self._features = EfficientNetFeatures()
        self._seen: dict[int, list[Tensor]] = {stage: [] for stage in STAGE_WIDTHS}
        for stage, seen in self._seen.items():
            block = self._features.network._blocks[stage]  # pyright: ignore[reportIndexIssue]  (a module list)
            block.register_forward_hook(lambda _block, _inputs, maps, kept=seen: kept.append(maps))

    def __call__(self, pictures: np.ndarray) -> tuple[Tensor, list[Tensor]]:
        features = self._features(pictures)
        stages = [torch.cat(seen) for seen in self._seen.values()]
        for seen in self._seen.values():
            seen.clear()
        return features, stages


class WindowSegmenter:
    """Images (N, 64, 64, 3) uint8 -> coverage (N, 64, 64) in [0, 1], and features (N, 1280)."""

    def __init__(self, decoder: Decoder) -> None:
        self._encoder, self._decoder = Encoder(), decoder.eval()

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> tuple[np.ndarray, Tensor]:
        coverage, features = [], []
        for part in np.split(pictures, range(BATCH_SIZE, len(pictures), BATCH_SIZE)):
            found, stages = self._encoder(part)
            features.append(found)
            coverage.append(self._decoder(stages).sigmoid())
        return torch.cat(coverage).numpy(), torch.cat(features)


def load_segmenter(folder: str | Path) -> tuple[WindowSegmenter, dict[str, Any]]:
    """Load the segmenter and its validation report. Raises CheckpointError."""
    decoder, facts = read_network(folder, NAME, DecoderConfig, Decoder, "window-segmenter")
    return WindowSegmenter(decoder), facts


def train_segmenter(
    data: str, out: Path, say: Callable[[str], None], epochs: int = EPOCHS
) -> dict[str, Any]:
    """Train the segmenter, write it to `out` and return its validation report. Raises DataError."""
    masked = load_masks(data, IMAGE_SIZE, COLUMN)
    kept = masked.places < HELD_OUT
    for part in (masked[kept], masked[~kept]):
        drawn = _drawn(part)
        if len(part.pictures) < TRAINING_BATCH_SIZE or not drawn.any() or drawn.all():
            raise DataError(
                f"{data} has too few pictures with a {COLUMN}: the segmenter takes "
                f"{TRAINING_BATCH_SIZE} to learn "
                f"from and {TRAINING_BATCH_SIZE} to be tested on, with windows and without"
            )
    decoder = train_decoder(masked[~kept], epochs, say)
    report = {
        "trained_on": int((~kept).sum()),
        "held_out": validation_report(WindowSegmenter(decoder), masked[kept]),
    }
    save_classifier(out, NAME, decoder, report)
    return report


def train_decoder(part: MaskDataset, epochs: int, say: Callable[[str], None]) -> Decoder:
    """Train the decoder with unweighted pixel-wise cross-entropy, so that coverage is calibrated.

    The mask is augmented together with its image, as a fourth channel; changes of contrast and
    brightness do not move it across the threshold.
    """
    torch.manual_seed(0)
    encoder, decoder = Encoder(), Decoder(DecoderConfig())
    optimizer = torch.optim.AdamW(decoder.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rows = np.concatenate([part.pictures, part.masks[:, None]], axis=1)
    steps = len(rows) // TRAINING_BATCH_SIZE
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps * epochs
    )
    for epoch in range(epochs):
        order = random_generator(0, "window judge's order", epoch).permutation(len(rows))
        total = 0.0
        for step in range(steps):
            chosen = rows[order[step * TRAINING_BATCH_SIZE : (step + 1) * TRAINING_BATCH_SIZE]]
            changed = augment_images(
                chosen, random_generator(0, "vary windows", epoch * steps + step)
            )
            pictures = images.to_uint8(changed[:, :3].contiguous().numpy(), "tanh")
            with torch.autocast("cpu", torch.bfloat16):
                _, stages = encoder(pictures)
                logits = decoder(stages)
            loss = F.binary_cross_entropy_with_logits(logits.float(), (changed[:, 3] > 0).float())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        say(f"epoch {epoch + 1} of {epochs}, loss {total / steps:.4f}")
    return decoder.eval().requires_grad_(False)


def validation_report(segmenter: WindowSegmenter, kept: MaskDataset) -> dict[str, Any]:
    """Measure the segmenter on held-out images, as they are and blurred."""
    found = {"pictures": len(kept.pictures), "with_window": int(_drawn(kept).sum())}
    sharp = to_channels_last(kept.pictures)
    return {
        **found,
        "sharp": mask_agreement(segmenter(sharp)[0], kept.masks),
        "softened": mask_agreement(segmenter(box_blur(sharp))[0], kept.masks),
    }


def mask_agreement(coverage: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """Compare predicted coverage (N, H, W) in [0, 1] with masks (N, H, W) uint8.

    A pixel is window if at least half of it is masked, and predicted as window if its coverage is
    at least `COVERAGE_THRESHOLD`. An image has a window if any of its pixels is window.
    """
    from sklearn.metrics import roc_auc_score

    said, true = coverage >= COVERAGE_THRESHOLD, masks >= 128
    has_window = true.any((1, 2))
    both = (said & true).sum()
    shares, true_shares = coverage.mean((1, 2)), masks.mean((1, 2)) / 255
    found = {
        "iou": both / (said | true).sum(),
        "iou_at_half": ((coverage >= 0.5) & true).sum() / ((coverage >= 0.5) | true).sum(),
        "precision": both / max(said.sum(), 1),
        "recall": both / true.sum(),
        "share": shares.mean(),
        "true_share": true_shares.mean(),
        "share_without_window": shares[~has_window].mean(),
        "share_correlation": np.corrcoef(shares, true_shares)[0, 1],
        "has_window_auc": roc_auc_score(has_window, coverage.max((1, 2))),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


def box_blur(pictures: np.ndarray) -> np.ndarray:
    """Blur images (N, H, W, 3) uint8 with a 3x3 box filter, as samples tend to be soft."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge").astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.rint(windows.mean((4, 5))).astype(np.uint8)


def _drawn(part: MaskDataset) -> np.ndarray:
    return part.masks.max((1, 2)) >= 128
