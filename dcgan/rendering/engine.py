"""The only place where pictures are made for people: specs -> uint8 pictures.

ONNX Runtime draws them, in float32 and with fixed statistics, so that a spec gives the same
picture alone and in any batch, within 1e-5 before rounding. Torch is not needed for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from dcgan.latents import operations
from dcgan.latents.spec import Draw, Gain, PictureSpec, SpecError, Z
from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.generator_layers import generator_layers
from dcgan.models.side_files import SideFileError, is_present, reason
from dcgan.rendering import onnx_names

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCH_SIZE = 32
ORT_THREADS = 1
"""Draw a batch: two need a seventh more of the processors for the same pictures, and a page that
draws two batches at once (ui/serving/micro_batching.py) has use for both elsewhere."""


@dataclass(frozen=True, eq=False)
class RenderInputs:
    """A spec that was checked and evaluated once, by `Model.resolve`: all that rendering takes."""

    spec: PictureSpec
    model: Model
    z: operations.Latent
    """(z_size,) float64."""
    gains: Mapping[int, np.ndarray]
    """Factors of feature maps by layer, see `operations.layer_gains`."""

    @property
    def norm(self) -> float:
        """|z|."""
        return float(np.linalg.norm(self.z))


class Model:
    """A checkpoint under the name that specs give it. Its generator is read at first use."""

    def __init__(self, name: str, weights: Checkpoint) -> None:
        self.name, self.checkpoint, self.config = name, weights, weights.config
        self._lock = threading.Lock()
        self._opened: InferenceSession | None = None

    @cached_property
    def directions(self) -> dict[str, operations.Latent]:
        """Named steps in z, each (z_size,); none where the file is damaged."""
        return {name: np.array(v) for name, v in self.checkpoint.readable.directions.items()}

    def spec(self, z: Z, gains: tuple[Gain, ...] = (), label: int | None = None) -> PictureSpec:
        """The spec of one of this model's pictures. Raises SpecError if it has none such."""
        return PictureSpec(self.name, self.checkpoint.hash, z, gains, label)

    def sample(self, seed: int, index: int = 0, turn: int | None = None) -> PictureSpec:
        """Draw `index` of a seed. Those of a class-conditional model go through its classes: its
        class is that of number `turn` in an endless row of them, of `index` by default."""
        classes = self.config.classes
        turn = index if turn is None else turn
        return self.spec(Draw(seed, index), label=turn % classes if classes else None)

    def z(self, spec: PictureSpec) -> operations.Latent:
        """(z_size,) float64. Raises SpecError where `operations.check_latent` does."""
        return operations.evaluate_latent(
            spec.z, self.config.z_size, self.config.prior, self.directions
        )

    def resolve(self, spec: PictureSpec) -> RenderInputs:
        """What the generator is fed with for a spec. Raises SpecError, in one sentence, for one
        that this model can't render."""
        self._check_before_gains(spec)
        gains = operations.layer_gains(spec.gains, self.config.layer_shapes)
        return RenderInputs(spec, self, self.z(spec), gains)

    def check(self, spec: PictureSpec) -> None:
        """Raises SpecError where `resolve` does: of several things wrong for the first of weights,
        class, z and edits, as JavaScript does (core/check.js, core/latent.js)."""
        self._check_before_gains(spec)
        operations.check_gains(spec.gains, self.config.layer_shapes)

    def _check_before_gains(self, spec: PictureSpec) -> None:
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
        operations.check_latent(spec.z, self.config.z_size, self.directions)

    def render(self, specs: Sequence[PictureSpec]) -> np.ndarray:
        """(N, H, W, 3) uint8. Raises SpecError."""
        return self.render_resolved([self.resolve(spec) for spec in specs])

    def render_resolved(self, inputs: Sequence[RenderInputs]) -> np.ndarray:
        """(N, H, W, 3) uint8."""
        return images.to_uint8(self._run(inputs, onnx_names.IMAGES_OUTPUT), self.config.output)

    def draw(self, specs: Sequence[PictureSpec]) -> np.ndarray:
        """(N, C, H, W) float32 in the network's range, before rounding. Raises SpecError."""
        return self._run([self.resolve(spec) for spec in specs], onnx_names.IMAGES_OUTPUT)

    def render_latents(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Generate images (N, H, W, 3) uint8 from latents (N, z_size), without texts.

        labels: class numbers (N,) of a class-conditional model. Raises ValueError.
        """
        size, classes = self.config.z_size, self.config.classes
        if z.ndim != 2 or z.shape[1] != size:
            raise ValueError(f"latents must have the shape (N, {size}), not {z.shape}")
        if not np.isfinite(z).all():
            raise ValueError("latents must be finite numbers")
        if not len(z):
            raise ValueError("there is nothing to draw: give at least one latent")
        inputs = {"z": z.astype(np.float32)}
        if classes:
            fits = labels is not None and labels.shape == (len(z),)
            if labels is None or not fits or not np.isin(labels, range(classes)).all():
                raise ValueError(f"labels must be {len(z)} class numbers from 0 to {classes - 1}")
            inputs["classes"] = np.eye(classes, dtype=np.float32)[labels]
        batches = (
            {name: values[start : start + BATCH_SIZE] for name, values in inputs.items()}
            for start in range(0, len(z), BATCH_SIZE)
        )
        return images.to_uint8(
            self._run_batches(batches, onnx_names.IMAGES_OUTPUT), self.config.output
        )

    def activations(self, specs: Sequence[PictureSpec], layer: int) -> np.ndarray:
        """Feature maps (N, C, H, W) float32 of a layer after its ReLU; layer 1 is next to z.

        Edits of earlier layers show in them, edits of this one and of later ones do not. Raises
        SpecError.
        """
        return self.activations_resolved([self.resolve(spec) for spec in specs], layer)

    def activations_resolved(self, inputs: Sequence[RenderInputs], layer: int) -> np.ndarray:
        """As `activations`. Raises SpecError for a layer that the network does not have."""
        layers = len(self.config.layer_shapes)
        if not 1 <= layer <= layers:
            raise SpecError(f"{self.name} has layers 1 to {layers}, not {layer}")
        return self._run(inputs, onnx_names.maps_output(layer))

    def _run(self, inputs: Sequence[RenderInputs], output: str) -> np.ndarray:
        starts = range(0, len(inputs), BATCH_SIZE)
        batches = (self._feeds(inputs[start : start + BATCH_SIZE]) for start in starts)
        return self._run_batches(batches, output)

    def _run_batches(self, batches: Iterable[dict[str, np.ndarray]], output: str) -> np.ndarray:
        session = self._session()
        return np.concatenate([np.asarray(session.run([output], feeds)[0]) for feeds in batches])

    def _feeds(self, inputs: Sequence[RenderInputs]) -> dict[str, np.ndarray]:
        """By the graph's inputs; a layer's gains only where an image has some."""
        feeds = {"z": np.stack([one.z for one in inputs]).astype(np.float32)}
        if self.config.classes:
            labels = np.array([one.spec.label for one in inputs])
            feeds["classes"] = np.eye(self.config.classes, dtype=np.float32)[labels]
        for layer, (maps, _, _) in enumerate(self.config.layer_shapes, start=1):
            if any(layer in one.gains for one in inputs):
                neutral = np.ones((maps, 1, 1), np.float32)
                gains = np.broadcast_arrays(*(one.gains.get(layer, neutral) for one in inputs))
                feeds[onnx_names.gain_input(layer)] = np.stack(gains)
        return feeds

    def _session(self) -> InferenceSession:
        """The generator, read once, however many threads are first to ask."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> InferenceSession:
        """Raises CheckpointError for tensors that are not the config's."""
        import onnxruntime

        weights = self.checkpoint
        tensors = weights.tensors(checkpoint.GENERATOR, generator_layers(self.config).tensors())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = ORT_THREADS
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # it warns that gains can be given: they shall be
        # given here because ONNX Runtime follows no links, which the Hub's cache is made of
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(t) for t in tensors.values()]
        options.add_external_initializers(list(tensors), values)

        def opened(graph: bytes) -> InferenceSession:
            return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

        kept = weights.folder / checkpoint.GRAPH
        if is_present(kept):
            try:
                session = opened(kept.read_bytes())
                of = session.get_modelmeta().custom_metadata_map.get(onnx_names.WEIGHTS_KEY)
                if of == weights.hash:
                    return session
                wrong = f"is not used, because it is of the weights {of}, not {weights.hash}"
            except Exception as error:  # ONNX Runtime's own errors share no base
                wrong = f"is not used, because it can't be read ({reason(error, kept)})"
            remedy = "write it again with `python -m training export FOLDER`"
            logging.getLogger(__name__).warning("%s", SideFileError(kept, wrong, remedy))
        return opened(_graph(weights))


def _graph(weights: Checkpoint) -> bytes:
    from dcgan.rendering import onnx_export

    return onnx_export.build_graph(weights).SerializeToString()


class Engine:
    """Models by name; they are opened at once and read when first drawn from."""

    def __init__(self, sources: Mapping[str, str | Path | Checkpoint]) -> None:
        """sources: the name that specs give a model -> its folder or Hub repository, or itself."""
        self.models = {
            name: Model(name, s if isinstance(s, Checkpoint) else checkpoint.load(s))
            for name, s in sources.items()
        }

    @classmethod
    def of_readable(cls, sources: Mapping[str, str | Path], say: Callable[[str], None]) -> Self:
        """An engine of the checkpoints that can be opened, for a page of many.

        A stage is left out with its model: there would be nothing to choose it from. say: is told,
        in one sentence each, which are left out and which side files are damaged. Raises
        CheckpointError where none can be opened.
        """
        opened: dict[str, Checkpoint] = {}
        for name, source in sources.items():
            try:
                weights = checkpoint.load(source)
                weights.check_files()
            except CheckpointError as error:
                say(f"{name} is left out: {error}")
            else:
                opened[name] = weights
        for name in [name for name in opened if "/" in name]:
            owner = name.rpartition("/")[0]
            if owner not in opened:
                say(f"{name} is left out: it is a stage of {owner}, which can't be opened")
                del opened[name]
        for name, weights in opened.items():
            for error in weights.readable.damaged.values():
                say(f"{name} works without this file: {error}")
        if not opened:
            raise CheckpointError("there is no checkpoint that can be opened: give another folder")
        return cls(opened)

    def model(self, name: str) -> Model:
        """Raises SpecError for a name that is not among them."""
        if name not in self.models:
            known = ", ".join(self.models) or "none"
            raise SpecError(f"there is no model called {name!r} here; there is: {known}")
        return self.models[name]

    def resolve(self, spec: PictureSpec) -> RenderInputs:
        """Raises SpecError for a model that is not here, and where `Model.resolve` does."""
        return self.model(spec.model).resolve(spec)

    def render(self, specs: Sequence[PictureSpec]) -> np.ndarray:
        """(N, H, W, 3) uint8; models of different sizes can't share a call. Raises SpecError."""
        return render_resolved([self.resolve(spec) for spec in specs])


def image_size(inputs: Sequence[RenderInputs]) -> int:
    """The height and width that all of these have. Raises SpecError where there is none."""
    sizes = {one.model.config.image_size for one in inputs}
    if len(sizes) != 1:
        raise SpecError(f"pictures drawn together must have one size, not {sorted(sizes)}")
    return sizes.pop()


def render_resolved(inputs: Sequence[RenderInputs]) -> np.ndarray:
    """(N, H, W, 3) uint8 of several models. Raises SpecError where `image_size` does."""
    size = image_size(inputs)
    rendered = np.empty((len(inputs), size, size, 3), np.uint8)
    for model in {one.model for one in inputs}:
        rows = [row for row, one in enumerate(inputs) if one.model is model]
        rendered[rows] = model.render_resolved([inputs[row] for row in rows])
    return rendered


def discover_checkpoints(weights: Path) -> dict[str, Path]:
    """Checkpoint folders by name: weights/faces is "faces", its stages "faces/<folder>"."""
    folders = [*weights.glob(f"*/{checkpoint.CONFIG}"), *weights.glob(f"*/*/{checkpoint.CONFIG}")]
    return {path.parent.relative_to(weights).as_posix(): path.parent for path in sorted(folders)}


def discover_incomplete(weights: Path) -> dict[Path, str]:
    """Folders that `discover_checkpoints` goes past although they hold files of a checkpoint, and
    the name of one of these. A card alone is none: any folder may have a README.md."""
    patterns = [name for name in checkpoint.FILES if name != checkpoint.CARD]
    found = {}
    for folder in sorted([*weights.glob("*/"), *weights.glob("*/*/")]):
        held = sorted(path.name for pattern in patterns for path in folder.glob(pattern))
        if held and checkpoint.CONFIG not in held:
            found[folder] = held[0] if checkpoint.WEIGHTS not in held else checkpoint.WEIGHTS
    return found
