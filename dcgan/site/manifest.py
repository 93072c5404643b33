"""The list of models for the page's JavaScript, served at a route or written to a file."""

from __future__ import annotations

from typing import Any

from dcgan.analysis import units
from dcgan.rendering.engine import Engine


def describe_models(engine: Engine) -> list[dict[str, Any]]:
    """Describe the models, each with its stages along the training run.

    Facts from a damaged side file are missing; "damaged" maps the file's name to the reason.
    """
    described = {}
    for name, model in engine.models.items():
        files = model.checkpoint.readable
        described[name] = {
            "name": name,
            "weights": model.checkpoint.hash,
            "size": model.config.image_size,
            "classes": model.config.classes,
            "z_size": model.config.z_size,
            "prior": model.config.prior,
            "output": model.config.output,
            "directions": list(model.directions),
            "directions_hash": model.checkpoint.directions_hash,
            "sets": files.sets,
            "map": files.map,
            "layers": model.config.layer_shapes,
            "discriminator": units.discriminator_shapes(model.config),
            "boxes": list(files.boxes),
            "images_seen": files.metadata.get("images_seen"),
            "kid": files.metadata.get("kid"),
            "stages": [],
        }
        if files.damaged:
            described[name]["damaged"] = {
                file: error.for_visitors for file, error in files.damaged.items()
            }
    for name, facts in described.items():
        owner = described.get(name.rpartition("/")[0])
        if owner is not None:
            owner["stages"].append(facts)
    for facts in described.values():
        facts["stages"].sort(key=lambda stage: stage["images_seen"] or 0)
    return [facts for name, facts in described.items() if "/" not in name]
