"""The z of a photograph: of all pictures of a G the one that comes nearest to a given one.

The paper does nothing of the kind. A z is moved by Adam until G's picture is like the given one
three times over: in its pixels, at several sizes; in what the first layers of D make of it; and as
a draw of the prior, whose bounds it does not leave. The search begins at several places, what the
encoder guesses (encoder.py, where the weights come with one) and the nearest of some samples, and
gives up those that fall behind.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from dcgan.analysis import encoder
from dcgan.analysis.discriminator import (
    load_discriminator,
    network_input,
    network_labels,
)
from dcgan.latents.spec import At, PictureSpec
from dcgan.media import face_alignment, images, uploads
from dcgan.media.uploads import NoFaceError
from dcgan.models.checkpoint import CheckpointError
from dcgan.models.networks import Discriminator, Generator
from dcgan.rendering import engine
from dcgan.rendering.engine import Model
from dcgan.tasks import Progress, Work, map_in_batches, shared_task, sub_task

START_SAMPLES, START_SEED = 1024, 9
"""Number and seed of the samples among which the nearest ones are searched."""
NEAREST_STARTS = 4
"""Number of nearest samples that the search starts from, beside the encoder's guess."""
STEPS = 120
SURVIVORS_BY_PROGRESS = {0.1: 3, 0.2: 2, 0.35: 1}
"""How many starts are still followed, from which share of the steps on."""
LEARNING_RATE = 0.2
PYRAMID_FACTORS = (1, 2, 4, 8)
"""How many times smaller the pictures are whose pixels are compared."""
FEATURE_LAYERS = 3
"""Number of D's layers, counted from the image, whose features are compared."""
PIXEL_WEIGHT, FEATURE_WEIGHT, PRIOR_WEIGHT = 1.0, 0.5, 0.01
"""What the three terms count: the first two as shares of the squared distance between samples."""
STEPS_PER_PREVIEW = 5
"""Steps from one picture on the way to the next."""
TORCH_THREADS = 1
"""Threads of torch while other work runs: two wait for each other at every layer, and on 2 busy
cores a search took 13 times as much CPU time with them."""
THUMBNAIL_SIDE = 16
"""Side in pixels of the thumbnails that are compared with those of samples."""
FACE_CHECK_SAMPLES, FACE_CHECK_SIDE = 8, 192
"""Samples that tell whether a model draws faces, and their side when they are looked through."""


@dataclass(frozen=True)
class Distance:
    """pixels: root mean square difference, in grey levels of 255. features: the same of what D's
    first layers make of it, as a share of what it is between two samples."""

    pixels: float
    features: float


@dataclass(frozen=True)
class StartingPoint:
    """Where a search began, "encoder" or "nearest", and how far that was."""

    kind: str
    spec: PictureSpec
    distance: Distance


@dataclass(frozen=True)
class Inversion:
    """spec: of the picture (H, W, 3) uint8 that was found. starts: the nearest first."""

    spec: PictureSpec
    picture: np.ndarray
    distance: Distance
    starts: list[StartingPoint]


def crop_upload(model: Model, content: bytes, middle: bool = False) -> tuple[np.ndarray, list[str]]:
    """What is to be found of a file that somebody gives, (H, W, 3) uint8 of the model's size, and
    what had to be done to it.

    For models of faces the largest face, cut as those that they were trained on; for others, and
    where it is asked for, the middle square. What has the model's size already stays as it is.
    Raises NoFaceError, and as `uploads.open_upload`.
    """
    size, channels = model.config.image_size, model.config.channels
    with uploads.open_upload(content, face_alignment.MAX_DETECTION_SIDE, channels) as opened:
        photograph, notes = opened
        if middle or photograph.size == (size, size) or not generates_faces(model):
            return uploads.centre_square(photograph, size), notes
        found = face_alignment.align_largest_face(photograph, size)
    if found is None:
        raise NoFaceError(
            "No face was found in this picture: give one that shows a face from the front, or have "
            "its middle square taken."
        )
    face, more = found
    return face, notes + more


@functools.lru_cache(maxsize=64)
def generates_faces(model: Model) -> bool:
    """Whether faces are found in at least half of some samples."""
    if model.config.channels != 3:
        return False
    pictures = model.render(
        [model.sample(START_SEED, index) for index in range(FACE_CHECK_SAMPLES)]
    )
    sides = (FACE_CHECK_SIDE, FACE_CHECK_SIDE)
    large = [Image.fromarray(p).resize(sides, Image.Resampling.BICUBIC) for p in pictures]
    return (
        2 * sum(bool(face_alignment.detect_faces(np.asarray(p.convert("L")), 64)) for p in large)
        >= FACE_CHECK_SAMPLES
    )


def invert(
    model: Model, picture: np.ndarray, steps: int = STEPS, *, guessed: bool = True
) -> Work[Inversion]:
    """The z for a picture (H, W, 3) uint8 of the model's size; the same for the same picture.

    Gives on the way the text of the picture that it is at, as what there is to see. guessed: begin
    at the encoder's guess, too, where there is one that can be read. Raises CheckpointError for
    weights without their D.
    """
    guess = _encoder(model) if guessed else None
    goal = _Objective(model, (yield from sub_task(0, 0.2, _start_samples(model))), picture)
    begun = goal.starts(guess)
    labels = torch.tensor([start.spec.label or 0 for start in begun])
    z = torch.from_numpy(np.stack([model.z(start.spec) for start in begun])).float()
    z.requires_grad_()
    adam = torch.optim.Adam([z], LEARNING_RATE)
    for step in range(steps):
        done = step / steps
        # large steps leave poor starts, small ones settle: z is far flatter than weights are
        adam.param_groups[0]["lr"] = LEARNING_RATE * (1 - done) ** 0.5
        losses = goal.losses(z, labels)
        if step % STEPS_PER_PREVIEW == 0:
            best = int(losses.argmin())
            yield Progress(0.2 + 0.8 * done, str(goal.spec(z[best], int(labels[best]))))
        adam.zero_grad()
        losses.sum().backward()  # the rows are independent: each gets its own gradient
        adam.step()
        goal.bound(z)
        # Successive halving: which start wins shows early, and the time of the others goes to it.
        kept = next(
            (count for share, count in reversed(SURVIVORS_BY_PROGRESS.items()) if done >= share),
            len(z),
        )
        if kept < len(z):
            rows = losses.detach().argsort()[:kept]
            z, labels = _select_rows(adam, z, rows), labels[rows]
    spec = goal.spec(z[0], int(labels[0]))
    ends = [StartingPoint("found", spec, goal.distance(spec)), *begun]
    best = min(ends, key=lambda end: end.distance.pixels)
    [found] = model.render([best.spec])
    return Inversion(
        best.spec, found, best.distance, sorted(begun, key=lambda s: s.distance.pixels)
    )


def _select_rows(adam: torch.optim.Adam, z: Tensor, rows: Tensor) -> Tensor:
    """Some rows of what is searched, with all that the search has learned about them."""
    kept = z.detach()[rows].requires_grad_()
    state = adam.state.pop(z)
    adam.state[kept] = {name: v[rows] if v.dim() else v for name, v in state.items()}
    adam.param_groups[0]["params"] = [kept]
    return kept


class _Objective:
    """What a z is to be like, and how far from it one is."""

    def __init__(self, model: Model, samples: _StartSamples, picture: np.ndarray) -> None:
        self.model, self.config, self.samples = model, model.config, samples
        self.generator, self.discriminator = _generator(model), load_discriminator(model)
        self.picture = picture
        self.pixels = network_input(picture[None], model.config)
        self._maps: dict[int, list[Tensor]] = {}

    def losses(self, z: Tensor, labels: Tensor) -> Tensor:
        """(N,)."""
        known = labels if self.config.classes else None
        drawn = self.generator(z, known)
        pixels = _normalised_distance(_pyramid(drawn), _pyramid(self.pixels), self.samples.pixels)
        seen = _seen(self.discriminator, drawn, known)
        features = _normalised_distance(seen, self._seen(labels), self.samples.features)
        return PIXEL_WEIGHT * pixels + FEATURE_WEIGHT * features + PRIOR_WEIGHT * z.square().mean(1)

    def _seen(self, labels: Tensor) -> list[Tensor]:
        """What D makes of the picture when it is told each of these classes."""
        for label in labels.tolist():
            if label not in self._maps:
                known = network_labels([label], self.config)
                self._maps[label] = _seen(self.discriminator, self.pixels, known)
        maps = zip(*(self._maps[label] for label in labels.tolist()), strict=True)
        return [torch.cat(layer) for layer in maps]

    def bound(self, z: Tensor) -> None:
        # Outside of the prior's cube G was never trained; clipping z there (Lipton and Tripathi
        # 2017) keeps the found image one that G can be expected to generate.
        if self.config.prior == "uniform":
            with torch.no_grad():
                z.clamp_(-1, 1)

    def spec(self, z: Tensor, label: int) -> PictureSpec:
        return self.model.spec(At(tuple(z.tolist())), label=label if self.config.classes else None)

    def distance(self, spec: PictureSpec) -> Distance:
        """Return the distance of a spec's image, as rendered, from the photograph."""
        drawn = self.model.render([spec])
        known = network_labels([spec.label], self.config)
        seen = _seen(self.discriminator, network_input(drawn, self.config), known)
        goal = self._seen(torch.tensor([spec.label or 0]))
        return Distance(
            float(images.frame_differences(np.stack([self.picture, drawn[0]]))[0]),
            float(_normalised_distance(seen, goal, self.samples.features).sqrt()),
        )

    def starts(self, guess: encoder.Encoder | None) -> list[StartingPoint]:
        small = _thumbnails(self.picture[None])
        order = np.square(self.samples.small - small).mean(1).argsort(kind="stable")
        found = [("nearest", self.samples.specs[row]) for row in order[:NEAREST_STARTS]]
        if guess is not None:
            with torch.no_grad():
                z = guess(self.pixels)
            self.bound(z)
            found.insert(0, ("encoder", self.spec(z[0], 0)))
        return [StartingPoint(kind, spec, self.distance(spec)) for kind, spec in found]


@dataclass(frozen=True)
class _StartSamples:
    """The draws among which starts are searched: specs, `_thumbnails` pictures. pixels, features:
    mean square differences between two samples, one for each size and each layer."""

    specs: list[PictureSpec]
    small: np.ndarray
    pixels: Tensor
    features: Tensor


@shared_task
def _start_samples(model: Model) -> Work[_StartSamples]:
    specs = [model.sample(START_SEED, index) for index in range(START_SAMPLES)]
    discriminator = load_discriminator(model)

    def draw(some: Sequence[PictureSpec]) -> tuple[np.ndarray, np.ndarray]:
        pictures = model.render(some)
        return pictures, _thumbnails(pictures)

    drawn = yield from map_in_batches(draw, specs, engine.BATCH_SIZE)
    some = network_input(drawn[0][0], model.config)
    known = network_labels([spec.label for spec in specs[: len(some)]], model.config)

    def usual(maps: Sequence[Tensor]) -> Tensor:
        return torch.stack([2 * part.var(0).mean() for part in maps])

    with torch.no_grad():
        return _StartSamples(
            specs,
            np.concatenate([small for _, small in drawn]),
            usual(_pyramid(some)),
            usual(_seen(discriminator, some, known)),
        )


def _thumbnails(pictures: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8 -> (N, values) float32, in grey levels."""
    found = torch.from_numpy(pictures.astype(np.float32)).permute(0, 3, 1, 2)
    return F.adaptive_avg_pool2d(found, min(THUMBNAIL_SIDE, pictures.shape[1])).flatten(1).numpy()


def _pyramid(pictures: Tensor) -> list[Tensor]:
    return [F.avg_pool2d(pictures, times) if times > 1 else pictures for times in PYRAMID_FACTORS]


def _seen(discriminator: Discriminator, pictures: Tensor, labels: Tensor | None) -> list[Tensor]:
    """The maps of D's first layers."""
    one_hot = None
    if labels is not None:
        one_hot = F.one_hot(labels, discriminator.config.classes).float()
    return list(itertools.islice(discriminator.feature_maps(pictures, one_hot), FEATURE_LAYERS))


def _normalised_distance(some: Sequence[Tensor], others: Sequence[Tensor], usual: Tensor) -> Tensor:
    """(N,): the mean over the parts of square differences, each as a share of what is usual."""
    found = [
        (a - b).square().mean((1, 2, 3)) / share
        for a, b, share in zip(some, others, usual, strict=True)
    ]
    return torch.stack(found).mean(0)


@functools.lru_cache(maxsize=8)
def _generator(model: Model) -> Generator:
    """Laid out as it is quickest for one picture."""
    return model.checkpoint.generator().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)


@functools.lru_cache(maxsize=8)
def _encoder(model: Model) -> encoder.Encoder | None:
    """None where there is none, and for a damaged one, which `Checkpoint.readable` tells of."""
    try:
        opened = encoder.load_encoder(model.checkpoint)
    except CheckpointError:
        return None
    return opened and opened[0]
