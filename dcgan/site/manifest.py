"""The list of models for the page's JavaScript, served at a route or written to a file."""

from __future__ import annotations

from typing import Any

from dcgan.analysis import units
from dcgan.models import checkpoint
from dcgan.models.exemplars import no_exemplars
from dcgan.rendering.engine import Engine


def describe_models(engine: Engine) -> list[dict[str, Any]]:
    """Describe the models, each with its stages along the training run.

    Facts from a damaged side file are missing; "damaged" maps the file's name to the reason.
    """
    described = {}
    for name, model in engine.models.items():
        weights, damaged = model.checkpoint, model.checkpoint.damaged
        facts = {} if checkpoint.CARD in damaged else weights.metadata
        described[name] = {
            "name": name,
            "weights": model.checkpoint.hash,
            "size": model.config.image_size,
            "classes": model.config.classes,
            "z_size": model.config.z_size,
            "prior": model.config.prior,
            "output": model.config.output,
            "directions": list(model.directions),
            "directions_hash": model.directions_hash,
            "sets": no_exemplars() if checkpoint.EXEMPLARS in damaged else weights.sets,
            "map": None if checkpoint.MAP in damaged else weights.map,
            "layers": model.config.layer_shapes,
            "discriminator": units.discriminator_shapes(model.config),
            "boxes": list(weights.readable_boxes),
            "images_seen": facts.get("images_seen"),
            "kid": facts.get("kid"),
            "stages": [],
        }
        if damaged:
            described[name]["damaged"] = damaged
    for name, facts in described.items():
        owner = described.get(name.rpartition("/")[0])
        if owner is not None:
            owner["stages"].append(facts)
    for facts in described.values():
        facts["stages"].sort(key=lambda stage: stage["images_seen"] or 0)
    return [facts for name, facts in described.items() if "/" not in name]
