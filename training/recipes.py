"""Training recipes, one or more per data set.

The defaults of `Recipe` with the network `PAPER` are those of the paper's section 4. A recipe gives
a reason in `deviations` for every field that it changes; `python -m training train NAME --dry-run`
prints both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from dcgan.config import IMAGENET32, MNIST, PAPER, SVHN, ModelConfig
from training.data.augmentation import Augmentation
from training.data.datasets import DEFAULT_HELD_OUT, Images, load_images
from training.records import reason


class Option(StrEnum):
    """Boolean fields of a recipe that `train --with` turns on."""

    SYNC_NORM = "sync_norm"
    COMPILE = "compile"
    PREFETCH = "prefetch"


class RecipeError(ValueError):
    """An invalid recipe; the message names the field and the reason."""


@dataclass(frozen=True)
class Recipe:
    """Everything that the result of a training run depends on, except the images."""

    model: ModelConfig
    description: str
    batch_size: int = 128
    learning_rate: float = 2e-4
    beta1: float = 0.5
    l2: float = 0.0
    """L2 penalty added to the gradient, as in the authors' code (1e-5 for faces; not in the
    paper)."""
    updates: Literal["both", "alternating"] = "both"
    """Update both networks with every batch, or D and G in alternate steps (authors' code)."""
    mirror: bool = False
    """Flip images horizontally with probability 1/2 (paper: no augmentation)."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """Augmentation of real and generated images before D (paper: none)."""
    average: float = 0.0
    """Decay per step of the exponential moving average of G that is exported; 0: export G."""
    statistics: Literal["fixed", "batch"] = "fixed"
    """Statistics of G's batch normalisation for sampling: fixed ones, or each batch's own."""
    seed: int = 0
    """Seed of all random numbers of a run."""
    held_out: float = DEFAULT_HELD_OUT
    """Share of the images, chosen by hash, that is excluded from training."""
    keep: dict[str, list[Any]] = field(default_factory=dict)
    """Column of the data set -> values of the rows to train on; empty: all rows."""
    label: str | None = None
    """Column of class numbers, for a class-conditional network."""
    sync_norm: bool = False
    """Compute batch statistics over all processes instead of per process (GPUs only)."""
    compile: bool = False
    """Compile both networks with torch.compile; results are equal up to rounding."""
    prefetch: bool = False
    """Prepare the next batch in a thread during a step, in pinned memory for a GPU."""
    deviations: dict[str, str] = field(default_factory=dict)
    """Field, or field of the model such as "model.prior" -> why it differs from the paper."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value outside its range."""
        ranges = {
            "batch_size": (
                self.batch_size >= 2,
                "at least 2 for batch normalisation",
            ),
            "learning_rate": (0 < self.learning_rate < math.inf, "above 0"),
            "beta1": (0 <= self.beta1 < 1, "in [0, 1)"),
            "l2": (0 <= self.l2 < math.inf, "at least 0"),
            "average": (0 <= self.average < 1, "in [0, 1)"),
            "seed": (0 <= self.seed < 2**63, "at least 0"),
            "held_out": (0 <= self.held_out < 1, "in [0, 1)"),
        }
        for name, (fits, wanted) in ranges.items():
            if not fits:
                raise RecipeError(f"{name} must be {wanted}, not {getattr(self, name)!r}")

    def pictures(self, source: str | Path) -> Images:
        """Load the training and held-out images of a data set. Raises DataError."""
        size, channels = self.model.image_size, self.model.channels
        return load_images(source, size, channels, self.keep, self.label, self.held_out)


_HALF_WIDTH = "half the paper's width: 2 CPU cores see four times as many images a second"
_KERNEL = (
    "4x4 divides by the stride, which leaves no checkerboard, and costs 0.64 of 5x5 "
    "(the third author's Torch code has it too)"
)

_SMALL = ModelConfig(
    generator_widths=(512, 256, 128, 64),
    generator_kernels=(4, 4, 4, 4),
    discriminator_widths=(32, 64, 128, 256),
    discriminator_kernels=(4, 4, 4, 4),
)
_SMALL_DEVIATIONS = {
    "model.generator_widths": _HALF_WIDTH,
    "model.discriminator_widths": "a quarter of the paper's: a D as wide as G overpowers it "
    "on tens of thousands of pictures, and this one trains almost twice as fast",
    "model.generator_kernels": _KERNEL,
    "model.discriminator_kernels": _KERNEL,
    "average": "the averaged generator draws steadier pictures than any single step's",
}

FACES = Recipe(
    model=_SMALL,
    description="64x64 aligned faces, on a CPU. About 100 minutes on 2 cores with bfloat16.",
    mirror=True,
    average=0.999,
    deviations={
        **_SMALL_DEVIATIONS,
        "mirror": "28,000 pictures are a twelfth of the paper's; mirrored faces are faces",
    },
)

ROOMS = Recipe(
    model=_SMALL,
    description="64x64 bedrooms and living rooms, on a CPU: the stand-in for LSUN bedrooms.",
    mirror=True,
    average=0.999,
    augmentation=Augmentation(brightness=0.25, saturation=0.5, contrast=0.25, translation=0.125),
    keep={"room": ["bedroom", "living_room"]},
    deviations={
        **_SMALL_DEVIATIONS,
        "mirror": "11,000 pictures are 1/270 of the paper's; a mirrored room is a room",
        "keep": "living rooms share windows, curtains and sofas with bedrooms; with all classes "
        "the pictures stayed soft for much longer",
        "augmentation": "D came to know its 11,000 images (losses 0.2 against 3) and KID stayed at "
        "0.25; with augmentation the same weights came to 0.157",
    },
)

LSUN = Recipe(
    model=PAPER,
    description="The paper's bedrooms: 3 million of LSUN, prepared by `prepare lsun`. For a GPU.",
)

_TORCH_CODE = "as in the third author's Torch code and pytorch/examples"

FACES_COMMON = Recipe(
    model=ModelConfig(
        prior="normal",
        generator_widths=(512, 256, 128, 64),
        generator_kernels=(4, 4, 4, 4),
        discriminator_widths=(64, 128, 256, 512),
        discriminator_kernels=(4, 4, 4, 4),
    ),
    description="The recipe most people copy (pytorch/examples), as a baseline for `faces`.",
    statistics="batch",
    deviations={
        "model.prior": f"normal z, {_TORCH_CODE}",
        "model.generator_widths": f"64 maps before the picture, {_TORCH_CODE}",
        "model.discriminator_widths": f"64 maps after the picture, {_TORCH_CODE}",
        "model.generator_kernels": f"4x4, {_TORCH_CODE}",
        "model.discriminator_kernels": f"4x4, {_TORCH_CODE}",
        "statistics": f"sampled in training mode, {_TORCH_CODE}",
    },
)

_AUTHORS_CODE = "the authors' code for faces; the paper does not say"

FACES_PAPER = Recipe(
    model=PAPER,
    description="The paper's width (figure 1), for a GPU: aligned faces.",
    updates="alternating",
    l2=1e-5,
    deviations={"updates": _AUTHORS_CODE, "l2": _AUTHORS_CODE},
)


def _shape(reason: str) -> dict[str, str]:
    """Return deviations that give one reason for all fields of a network's shape."""
    fields = ["image_size"]
    for network in ("generator", "discriminator"):
        fields += [f"{network}_{what}" for what in ("widths", "kernels", "strides")]
    return {f"model.{field}": reason for field in fields}


_SVHN_NETWORK = "the authors' SVHN network, for pictures of 32x32"

SVHN_RECIPE = Recipe(
    model=SVHN,
    description="The authors' SVHN network (section 5.2): 32x32 house numbers.",
    batch_size=64,
    learning_rate=5e-4,
    held_out=0.375,
    deviations={
        "held_out": "what `run svhn` tests on must not be trained on, labels or no labels",
        **_shape(_SVHN_NETWORK),
        "model.first_layer": "normalised per unit, as in the authors' code",
        "model.norm_eps": "1e-8, as in the authors' code",
        "model.prior": "normal, as in the authors' SVHN code",
        "batch_size": "64, as in the authors' SVHN code",
        "learning_rate": "0.0005, as in the authors' SVHN code",
    },
)

_IMAGENET_NETWORK = "the authors' ImageNet network, for pictures of 32x32"

IMAGENET = Recipe(
    model=IMAGENET32,
    description="The authors' ImageNet network (section 5.1), whose D is tested on CIFAR-10.",
    batch_size=64,
    deviations={
        "batch_size": "64: a CPU sees 30 pictures a second, and this makes twice the steps of them",
        **_shape(_IMAGENET_NETWORK),
        "model.z_size": _IMAGENET_NETWORK,
        "model.first_layer": "normalised per unit, as in the authors' code",
        "model.norm_eps": "1e-8, as in the authors' code",
    },
)

_MNIST_NETWORK = "the authors' MNIST network, for grey pictures of 28x28"
_MNIST_CODE = "as in the authors' MNIST code"

MNIST_RECIPE = Recipe(
    model=MNIST,
    description="The authors' class-conditional MNIST network (appendix): digits, told which. "
    "They train for 200 epochs.",
    l2=2.5e-5,
    updates="alternating",
    average=0.999,
    held_out=1 / 6,
    label="label",
    deviations={
        **_shape(_MNIST_NETWORK),
        "model.channels": _MNIST_NETWORK,
        "model.first_layer": f"normalised per unit, {_MNIST_CODE}",
        "model.hidden_dense": f"1,024 units in G and in D, {_MNIST_CODE}",
        "model.classes": "the label is told to every layer of G and of D, as in the appendix",
        "model.output": f"pixels in [0, 1], {_MNIST_CODE}",
        "model.norm_eps": f"1e-8, {_MNIST_CODE}",
        "l2": f"2.5e-5, {_MNIST_CODE}",
        "updates": f"G and D in turn, {_MNIST_CODE}; theirs take a new minibatch each",
        "average": "in place of the authors' last 100 epochs, whose rate falls to 0: both let G "
        "come to rest",
        "held_out": f"10,000 of the 60,000, {_MNIST_CODE}, chosen here by hash",
        "label": "the network is class-conditional, as in the appendix",
    },
)

RECIPES: dict[str, Recipe] = {
    "faces": FACES,
    "faces-common": FACES_COMMON,
    "faces-paper": FACES_PAPER,
    "imagenet32": IMAGENET,
    "lsun": LSUN,
    "mnist": MNIST_RECIPE,
    "rooms": ROOMS,
    "svhn": SVHN_RECIPE,
}


TEXT_FIELDS = {"description", "deviations"}
"""Fields that only describe a recipe."""
CHANGEABLE_FIELDS = {*TEXT_FIELDS, "compile", "prefetch"}
"""Fields that do not affect what a network learns; a resumed run may change them."""


def recipe_json(recipe: Recipe) -> str:
    """Return the recipe and its deviations as JSON."""
    return json.dumps(asdict(recipe), indent=2)


def recipe_from_json(facts: Mapping[str, Any]) -> Recipe:
    """Build a recipe from `asdict` of one, read back from JSON; missing fields get their defaults.

    Raises RecipeError for an unknown field and for a value of the wrong type or out of range.
    """
    try:
        return TypeAdapter(Recipe).validate_json(json.dumps(facts), strict=True, extra="forbid")
    except ValidationError as error:
        unknown = [
            ".".join(map(str, found["loc"]))
            for found in error.errors()
            if found["type"] == "unexpected_keyword_argument"
        ]
        if unknown:
            raise RecipeError(
                f"recipes have no field {', '.join(unknown)} here: use the version of this program "
                "that wrote it"
            ) from None
        raise RecipeError(reason(error)) from None


def flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return the values of all fields; nested ones get dotted names such as "model.prior"."""
    found: dict[str, Any] = {}
    for each in fields(settings):
        name, value = f"{prefix}{each.name}", getattr(settings, each.name)
        found |= flatten(value, f"{name}.") if is_dataclass(value) else {name: value}
    return found


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the fields of a recipe that must not change within a run, as read back from JSON."""
    found = json.loads(recipe_json(recipe))
    return {k: v for k, v in found.items() if k not in CHANGEABLE_FIELDS}
