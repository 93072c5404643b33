"""Which feature maps speak for what is in a set of boxes, as units-NAME.json keeps it.

    {"layer": 3, "maps": [95, 39, ...], "weights": [1.25, 1.1, ...], "inside": 2048,
     "outside": 2048, "C": 1.0, "seed": 0}

`python -m dcgan units` writes it; analysis/units.py says how it is found.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from dcgan.config import ModelConfig

REGULARISATION_C = 1.0
POSITION_SEED = 0
"""Of the positions outside the boxes."""


@dataclass(frozen=True)
class UnitFit:
    """The maps of a layer with a positive weight, the largest first.

    inside, outside: how many positions were told apart.
    """

    layer: int
    maps: list[int]
    weights: list[float]
    inside: int
    outside: int

    def table(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "C": REGULARISATION_C, "seed": POSITION_SEED}


def parse_unit_fit(text: str, config: ModelConfig, layer: int | None = None) -> UnitFit:
    """Raises ValueError, TypeError or KeyError for a text that holds no fit of this layer, of any
    of the generator's layers without one."""
    table = json.loads(text)
    if not isinstance(table, dict):
        raise ValueError("it is not one JSON object")
    found = UnitFit(**{field.name: table[field.name] for field in dataclasses.fields(UnitFit)})
    if found.table() != table:
        raise ValueError("it has other fields, or was found with another C or seed")
    if type(found.layer) is not int or not 1 <= found.layer <= len(config.layer_shapes):
        raise ValueError(f"the model has layers 1 to {len(config.layer_shapes)}")
    if layer is not None and found.layer != layer:
        raise ValueError(f"it is of layer {found.layer}, its boxes are of layer {layer}")
    count, _, _ = config.layer_shapes[found.layer - 1]
    if not all(type(number) is int and 0 <= number < count for number in found.maps):
        raise ValueError(f"layer {found.layer} has maps 0 to {count - 1}")
    whole = [type(number) is int for number in (found.inside, found.outside)]
    finite = [type(w) in (int, float) and math.isfinite(w) for w in found.weights]
    if not all(whole + finite) or len(found.weights) != len(found.maps):
        raise ValueError("every map must have a weight, and all must be finite numbers")
    return found
