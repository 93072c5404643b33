"""The probe: a linear classifier of D's features (section 5.1 of the paper), kept beside its D.

    probe.json           {"version": 1, "weights": hash, "classes": [...], "facts": {...}}
    probe.safetensors    weights, intercepts, usual, and the statistics of D's normalisation

It answers with one of its classes whatever a picture shows. Every score falls apart into what the
layers of D add to that of the average picture.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcgan.analysis import features
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.network_files import ProbeDescription, probe_files
from dcgan.models.networks import Discriminator
from dcgan.models.tensor_shapes import NORM_STATISTICS, probe_shapes

MAX_SHOWN_CLASSES = 3
"""Classes that people are told."""


@dataclass(frozen=True)
class Probe:
    """A linear classifier of D's features.

    weights (classes, length), intercepts (classes,) and usual (length,) are float32; `length` is
    that of the features. usual: mean features of the training images. facts: accuracy and data, at
    least `network_files.REQUIRED_FACTS`.
    """

    classes: tuple[str, ...]
    weights: np.ndarray
    intercepts: np.ndarray
    usual: np.ndarray
    facts: dict[str, Any]


@dataclass(frozen=True)
class ClassScore:
    """The score of a class: above 0 "this", 1 is the SVM's margin, below 0 "not this".

    usual: the average picture's score. parts: what D's layers add to it, the one next to the
    picture first: score = usual + sum(parts).
    """

    name: str
    score: float
    usual: float
    parts: list[float]


@torch.inference_mode()
def classify(probe: Probe, network: Discriminator, picture: np.ndarray) -> list[ClassScore]:
    """The classes for a picture (H, W, 3) uint8, the highest score first; from any thread."""
    config = network.config
    channels = picture[..., : config.channels].transpose(2, 0, 1)
    [found] = features.extract_features(network, channels[None]).numpy()
    weights = probe.weights.astype(np.float64)
    usual = weights @ probe.usual + probe.intercepts
    starts = np.cumsum(
        [0, *(features.POOLED_SIDE**2 * w for w in config.discriminator_widths[:-1])]
    )
    parts = np.add.reduceat(weights * (found - probe.usual), starts, axis=1)
    scores = usual + parts.sum(axis=1)
    return [
        ClassScore(probe.classes[k], float(scores[k]), float(usual[k]), parts[k].tolist())
        for k in np.argsort(-scores)
    ]


def answer_json(probe: Probe, network: Discriminator, picture: np.ndarray) -> dict[str, Any]:
    """Answer in JSON: the `MAX_SHOWN_CLASSES` best classes, all, and the probe's accuracy."""
    answers = [asdict(answer) for answer in classify(probe, network, picture)[:MAX_SHOWN_CLASSES]]
    return {"answers": answers, "classes": list(probe.classes), "facts": probe.facts}


def save_probe(folder: str | Path, probe: Probe, network: Discriminator) -> None:
    """Write a probe into the folder of its checkpoint, each of the two files at once or not at all.

    network: the D whose features it was taught; its statistics are kept. Raises CheckpointError
    for a folder without a checkpoint, and for what could not be read back.
    """
    from safetensors.numpy import save

    weights = checkpoint.load(folder)
    described = {"classes": list(probe.classes), "facts": probe.facts}
    try:
        ProbeDescription.parse(described)
    except ValueError as error:
        raise CheckpointError(f"this probe can't be written: {error}") from None
    tensors = {
        "weights": probe.weights.astype(np.float16),
        "intercepts": probe.intercepts.astype(np.float32),
        "usual": probe.usual.astype(np.float16),
        **{name: tensor.cpu().numpy() for name, tensor in _statistics(network).items()},
    }
    for name, shape in probe_shapes(network.config, len(probe.classes)).items():
        if tensors[name].shape != shape:
            raise CheckpointError(f"a probe's {name} must be {shape}, not {tensors[name].shape}")
    probe_files(weights.folder, weights.hash).write(described, save(tensors))


def load_probe(weights: Checkpoint) -> tuple[Probe, Discriminator] | None:
    """The probe, and the checkpoint's D with the probe's statistics, in eval mode.

    None where there is no probe. Raises CheckpointError for files that do not fit the checkpoint.
    """
    described = weights.probe
    if described is None:
        return None
    network = weights.discriminator()
    shapes = probe_shapes(weights.config, len(described.classes))
    tensors = probe_files(weights.folder, weights.hash).read(shapes)
    arrays = {
        name: tensors.pop(name).astype(np.float32) for name in ("weights", "intercepts", "usual")
    }
    network.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()}, strict=False)
    return Probe(described.classes, **arrays, facts=described.facts), network


def _statistics(network: Discriminator) -> dict[str, torch.Tensor]:
    return {k: v for k, v in network.state_dict().items() if k.endswith(NORM_STATISTICS)}
