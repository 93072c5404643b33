"""The only place where pictures are made for people: specs -> uint8 pictures.

The generator runs in float32 with fixed statistics, so that a spec gives the same picture alone
and in any batch, within 1e-5 before rounding.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan import checkpoint, images, latent
from dcgan.spec import Draw, Gain, PictureSpec, SpecError, Z

if TYPE_CHECKING:
    from dcgan.networks import Generator

BATCH = 32


class Model:
    """A checkpoint under the name that specs give it. Its generator is read at first use."""

    def __init__(self, name: str, weights: checkpoint.Checkpoint) -> None:
        self.name, self.checkpoint, self.config = name, weights, weights.config
        self._lock = threading.Lock()
        self._read: Generator | None = None

    @cached_property
    def directions(self) -> dict[str, latent.Latent]:
        """Named steps in z, each (z_size,)."""
        return {name: np.array(v) for name, v in self.checkpoint.directions.items()}

    def spec(self, z: Z, gains: tuple[Gain, ...] = (), label: int | None = None) -> PictureSpec:
        """The spec of one of this model's pictures. Raises SpecError if it has none such."""
        return PictureSpec(self.name, self.checkpoint.hash, z, gains, label)

    def sample(self, seed: int, index: int = 0) -> PictureSpec:
        """Draw `index` of a seed; a class-conditional model's draws go through its classes."""
        classes = self.config.classes
        return self.spec(Draw(seed, index), label=index % classes if classes else None)

    def z(self, spec: PictureSpec) -> latent.Latent:
        """(z_size,) float64. Raises SpecError for a direction that the model does not have."""
        return latent.evaluate(spec.z, self.config.z_size, self.config.prior, self.directions)

    def check(self, spec: PictureSpec) -> None:
        """Raises SpecError, in one sentence, for a spec that this model can't draw."""
        if spec.weights != self.checkpoint.hash:
            raise SpecError(
                f"this picture was made with other weights ({spec.weights}) than the {self.name} "
                f"here ({self.checkpoint.hash}) and would look different: draw it with those, "
                f"or write {self.name}@{self.checkpoint.hash} to see what these make of it"
            )
        classes = self.config.classes
        if (spec.label is not None) != bool(classes):
            raise SpecError(
                f"{self.name} draws {classes} classes: add :class(0) to :class({classes - 1})"
                if classes
                else f"{self.name} has no classes: leave out class(...)"
            )
        if spec.label is not None and spec.label >= classes:
            raise SpecError(f"{self.name} has classes 0 to {classes - 1}, not {spec.label}")

    def render(self, specs: Sequence[PictureSpec]) -> np.ndarray:
        """(N, H, W, 3) uint8. Raises SpecError."""
        for spec in specs:
            self.check(spec)

        import torch

        size, channels = self.config.image_size, self.config.channels
        pictures = np.empty((len(specs), channels, size, size), np.float32)
        generator = self._generator()
        for gains, rows in _by_gains(specs):
            factors = {
                layer: torch.from_numpy(factor)
                for layer, factor in latent.gains(gains, self.config.layer_shapes).items()
            }
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH]
                z = np.stack([self.z(specs[row]) for row in part]).astype(np.float32)
                labels = [specs[row].label for row in part]
                with torch.inference_mode():
                    pictures[part] = generator(
                        torch.from_numpy(z),
                        torch.tensor(labels) if self.config.classes else None,
                        factors,
                    ).numpy()
        return images.to_uint8(pictures, self.config.output)

    def _generator(self) -> Generator:
        """The generator, read once, however many threads are first to ask."""
        import torch

        with self._lock:
            if self._read is None:
                self._read = self.checkpoint.generator()
                self._read.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)
            return self._read


class Engine:
    """Models by name; they are opened at once and read when first drawn from."""

    def __init__(self, sources: Mapping[str, str | Path]) -> None:
        """sources: the name that specs give a model -> its folder or Hub repository."""
        self.models = {name: Model(name, checkpoint.load(s)) for name, s in sources.items()}

    def model(self, name: str) -> Model:
        """Raises SpecError for a name that is not among them."""
        if name not in self.models:
            known = ", ".join(self.models) or "none"
            raise SpecError(f"there is no model called {name!r} here; there is: {known}")
        return self.models[name]

    def render(self, specs: Sequence[PictureSpec]) -> np.ndarray:
        """(N, H, W, 3) uint8; models of different sizes can't share a call. Raises SpecError."""
        sizes = {self.model(spec.model).config.image_size for spec in specs}
        if len(sizes) != 1:
            raise SpecError(f"pictures drawn together must have one size, not {sorted(sizes)}")
        size = sizes.pop()
        pictures = np.empty((len(specs), size, size, 3), np.uint8)
        for name in {spec.model for spec in specs}:
            rows = [row for row, spec in enumerate(specs) if spec.model == name]
            pictures[rows] = self.model(name).render([specs[row] for row in rows])
        return pictures


def discover(weights: Path) -> dict[str, Path]:
    """Checkpoint folders by name: weights/faces is "faces", its stages "faces/<folder>"."""
    folders = [*weights.glob(f"*/{checkpoint.CONFIG}"), *weights.glob(f"*/*/{checkpoint.CONFIG}")]
    return {path.parent.relative_to(weights).as_posix(): path.parent for path in sorted(folders)}


def _by_gains(specs: Sequence[PictureSpec]) -> Iterable[tuple[tuple[Gain, ...], list[int]]]:
    """Rows that share their edits, which can be drawn in one batch."""
    groups: dict[tuple[Gain, ...], list[int]] = {}
    for row, spec in enumerate(specs):
        groups.setdefault(spec.gains, []).append(row)
    return groups.items()
