"""Feature maps: which of them see a thing (section 6.3.1, figure 6), and what excites each most.

As in the paper, a logistic regression on one layer's activations tells positions in boxes from
random other positions of the same pictures, and the maps with a positive weight are those to drop.
The paper does not say how strongly it is regularised: here C is scikit-learn's default.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.config import ModelConfig
from dcgan.latents.spec import PictureSpec
from dcgan.models.annotations import BoxesError, BoxSet
from dcgan.models.unit_fits import POSITION_SEED, REGULARISATION_C, UnitFit
from dcgan.rendering.engine import BATCH_SIZE, Model
from dcgan.tasks import Work, map_in_batches, run_to_end, shared_task, sub_task

GENERATOR, DISCRIMINATOR = "generator", "discriminator"

MAX_POSITIONS = 4096  # inside the boxes, and outside; of more, that many at random

TOP_SAMPLES_SEARCHED = 256
TOP_SAMPLES_SEED = 1
TOP_SAMPLES_PER_UNIT = 8


def load_unit_fit(model: Model, boxes: BoxSet) -> UnitFit | None:
    """The fit that lies beside a set of boxes in the checkpoint, so that nobody waits for it.

    It is what `fit_units(model, boxes)` gives, written by `python -m dcgan units`. None for boxes
    that are not those of the set, and where the file is damaged: they can be fitted anew.
    """
    readable = model.checkpoint.readable
    known = readable.boxes.get(boxes.name)
    if known is None or (known.layer, known.boxed) != (boxes.layer, boxes.boxed):
        return None
    return readable.unit_fits.get(boxes.name)


def fit_units(model: Model, boxes: BoxSet) -> UnitFit:
    """All of `fit_units_in_steps` at once."""
    return run_to_end(fit_units_in_steps(model, boxes))


def fit_units_in_steps(model: Model, boxes: BoxSet) -> Work[UnitFit]:
    """Raises BoxesError or SpecError for boxes that the model can't be asked about.

    A position counts as inside if its cell's centre lies in a box. Those outside are as many, from
    the pictures with boxes only: in the others a visitor may have overlooked something.
    """
    boxes.check(model.config)
    boxed = boxes.boxed
    if not boxed:
        raise BoxesError("there are no boxes: draw some around what is to be forgotten")
    _, cells, _ = model.config.layer_shapes[boxes.layer - 1]
    inside = np.stack([picture.cells(model.config.image_size, cells) for picture in boxed])
    grid = f"{cells} x {cells}"
    if inside.all():
        raise BoxesError(
            f"the boxes hold all of the {grid} cells' centres of layer {boxes.layer}: "
            "draw smaller ones"
        )
    if not inside.any():
        raise BoxesError(
            f"the boxes hold none of the {grid} cells' centres of layer {boxes.layer}: "
            "draw larger ones"
        )
    from sklearn.linear_model import LogisticRegression  # before the first step

    activate = functools.partial(model.activations, layer=boxes.layer)
    found = yield from sub_task(
        0, 0.6, map_in_batches(activate, [p.spec for p in boxed], BATCH_SIZE)
    )
    activations = np.concatenate(found).transpose(0, 2, 3, 1)
    random = np.random.default_rng(POSITION_SEED)
    positives = _random_rows(activations[inside], MAX_POSITIONS, random)
    negatives = _random_rows(activations[~inside], len(positives), random)
    labels = np.repeat([1, 0], [len(positives), len(negatives)])
    regression = LogisticRegression(C=REGULARISATION_C, max_iter=1000)
    weights = regression.fit(np.concatenate([positives, negatives]), labels).coef_[0]
    order = np.argsort(-weights, kind="stable")[: np.count_nonzero(weights > 0)]
    return UnitFit(
        boxes.layer,
        order.tolist(),
        [round(float(weight), 6) for weight in weights[order]],
        len(positives),
        len(negatives),
    )


@dataclass(frozen=True)
class TopActivations:
    """The samples with the highest activation of each unit anywhere, the highest first.

    All arrays have the shape (units, TOP_SAMPLES_PER_UNIT). draws: indices of the samples. cells:
    where the activation is, as row * W + column. peaks: the activation.
    """

    draws: np.ndarray
    cells: np.ndarray
    peaks: np.ndarray


@shared_task
def top_activations(model: Model, layer: int, network: str = GENERATOR) -> Work[TopActivations]:
    """Search TOP_SAMPLES_SEARCHED samples of TOP_SAMPLES_SEED; D's layer 1 is next to the image.

    Raises SpecError for a layer there is not, CheckpointError for weights without their D.
    """
    if network == GENERATOR:
        activations = model.activations
    else:
        from dcgan.analysis import discriminator

        activations = functools.partial(discriminator.activations, model)

    def peaks(specs: Sequence[PictureSpec]) -> tuple[np.ndarray, np.ndarray]:
        maps = activations(specs, layer)
        maps = maps.reshape(*maps.shape[:2], -1)
        return maps.max(axis=2), maps.argmax(axis=2)

    specs = [model.sample(TOP_SAMPLES_SEED, index) for index in range(TOP_SAMPLES_SEARCHED)]
    found = yield from map_in_batches(peaks, specs, BATCH_SIZE)
    peak, cell = (np.concatenate(found).T for found in zip(*found, strict=True))
    best = np.argsort(-peak, axis=1, kind="stable")[:, :TOP_SAMPLES_PER_UNIT]
    return TopActivations(
        best, np.take_along_axis(cell, best, axis=1), np.take_along_axis(peak, best, axis=1)
    )


def discriminator_shapes(config: ModelConfig) -> list[tuple[int, int, int]]:
    """(C, H, W) of D's feature maps, the layer next to the picture first."""
    sides = config.image_size // np.cumprod(config.discriminator_strides)
    return [(c, int(s), int(s)) for c, s in zip(config.discriminator_widths, sides, strict=True)]


def _random_rows(rows: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    if len(rows) <= count:
        return rows
    return rows[random.choice(len(rows), count, replace=False)]
