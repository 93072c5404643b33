"""The probe: a linear classifier of D's features (section 5.1 of the paper), kept beside its D.

    probe.json           {"version": 1, "weights": hash, "classes": [...], "facts": {...}}
    probe.safetensors    weights, intercepts, usual, and the statistics of D's normalisation

It answers with one of its classes whatever a picture shows. Every score falls apart into what the
layers of D add to that of the average picture.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcgan.analysis import features
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.networks import Discriminator
from dcgan.models.side_files import read_side_file

VERSION = 1
BATCH_NORM_BUFFERS = "running_mean", "running_var"
MAX_SHOWN_CLASSES = 3
"""Classes that people are told."""
REQUIRED_FACTS = "data", "test", "accuracy"
"""What the facts of every probe say: what taught it, and its share of so many test pictures."""
REFIT_HINT = "fit it again, with python -m training run cifar10"


@dataclass(frozen=True)
class Probe:
    """weights (classes, length), intercepts (classes,), usual (length,) float32, `length` being
    that of the features; usual: the mean features of the training pictures. facts: what the probe
    is worth, at least `REQUIRED_FACTS`."""

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
    described = {"version": VERSION, "weights": weights.hash, "classes": probe.classes}
    text = json.dumps({**described, "facts": probe.facts}, indent=1) + "\n"
    _parse(text, weights)
    tensors = {
        "weights": probe.weights.astype(np.float16),
        "intercepts": probe.intercepts.astype(np.float32),
        "usual": probe.usual.astype(np.float16),
        **{name: tensor.cpu().numpy() for name, tensor in _statistics(network).items()},
    }
    for name, shape in _shapes(network, len(probe.classes)).items():
        if tensors[name].shape != shape:
            raise CheckpointError(f"a probe's {name} must be {shape}, not {tensors[name].shape}")
    checkpoint.write_atomically(_path(weights, "safetensors"), save(tensors))
    checkpoint.write_atomically(_path(weights, "json"), text.encode())


def describe(weights: Checkpoint) -> dict[str, Any] | None:
    """{"classes", "facts"} of a checkpoint's probe, without its tensors; else as `load_probe`."""
    path = _path(weights, "json")
    if not path.is_file():
        return None
    return read_side_file(path, lambda text: _parse(text, weights), "is not valid JSON")


def load_probe(weights: Checkpoint) -> tuple[Probe, Discriminator] | None:
    """The probe, and the checkpoint's D with the probe's statistics, in eval mode.

    None where there is no probe. Raises CheckpointError for files that do not fit the checkpoint.
    """
    described = describe(weights)
    if described is None:
        return None
    classes, facts = tuple(described["classes"]), described["facts"]
    network = weights.discriminator()
    shapes = _shapes(network, len(classes))
    path = _path(weights, "safetensors")
    tensors = checkpoint.read_tensors(path, _path(weights, "json").name, shapes)
    arrays = {
        name: tensors.pop(name).astype(np.float32) for name in ("weights", "intercepts", "usual")
    }
    network.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()}, strict=False)
    return Probe(classes, **arrays, facts=facts), network


def _parse(text: str | bytes, weights: Checkpoint) -> dict[str, Any]:
    path = _path(weights, "json")
    described = json.loads(text)
    if not isinstance(described, dict) or described.pop("version", None) != VERSION:
        raise CheckpointError(f"{path} is not a probe of version {VERSION}: {REFIT_HINT}")
    if (of := described.pop("weights", None)) != weights.hash:
        raise CheckpointError(
            f"{path} is a probe of the weights {of}, not of {weights.hash}: {REFIT_HINT}"
        )
    classes, facts = described.get("classes"), described.get("facts")
    if not isinstance(classes, list) or len(classes) < 2 or not all(map(_is_name, classes)):
        raise CheckpointError(f"{path} must list the names of two classes or more: {REFIT_HINT}")
    if not isinstance(facts, dict) or not facts.keys() >= set(REQUIRED_FACTS):
        raise CheckpointError(
            f"{path} must state facts with {', '.join(REQUIRED_FACTS)}: {REFIT_HINT}"
        )
    return described


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _statistics(network: Discriminator) -> dict[str, torch.Tensor]:
    return {k: v for k, v in network.state_dict().items() if k.endswith(BATCH_NORM_BUFFERS)}


def _shapes(network: Discriminator, classes: int) -> dict[str, tuple[int, ...]]:
    length = features.feature_length(network.config)
    statistics = {name: tuple(v.shape) for name, v in _statistics(network).items()}
    return {
        "weights": (classes, length),
        "intercepts": (classes,),
        "usual": (length,),
        **statistics,
    }


def _path(weights: Checkpoint, kind: str) -> Path:
    return weights.folder / checkpoint.PROBE.replace("*", kind)
