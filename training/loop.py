"""The adversarial loop (section 4), through Accelerate.

One step: D on a real and a generated batch, each with its own batch statistics, then G through
the updated D on the same generated batch. An image counts as seen once it has been through both.
Deviation: the generated batch is drawn once per step and used by both (the authors draw anew for
G); the picture costs one pass of G instead of two. D's weights get no gradient in G's step, where
they would be thrown away.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dcgan import checkpoint, images, latent
from dcgan.networks import Discriminator, Generator
from training.convolution import use_matrix_products
from training.data import Batches, Images, random
from training.distances import Features, kernel_distance
from training.recipes import Recipe
from training.state import load_state, save_state
from training.statistics import fix_statistics

GRID = 64
DISTANCE_COUNT = 2000
WARM_UP = 200
"""Steps over which the learning rate rises after --init: the optimisers start empty."""


@dataclass(frozen=True)
class Budget:
    """When a run stops (whichever comes first; None: never) and how often it reports."""

    minutes: float | None = None
    steps: int | None = None
    log_seconds: float = 10.0
    grid_minutes: float = 3.0
    checkpoint_minutes: float = 10.0
    checkpoint_epochs: tuple[int, ...] = (1, 5)
    """Also here: the paper shows samples after one and five epochs (figures 2 and 3)."""


class Trainer:
    """A run: networks, optimisers, averages and what they have seen."""

    def __init__(
        self, recipe: Recipe, pictures: Images, out: Path, precision: str | None = None
    ) -> None:
        torch.manual_seed(recipe.seed)  # the initial weights; all else is a function of the step
        self.recipe, self.pictures, self.out = recipe, pictures, out
        out.mkdir(parents=True, exist_ok=True)
        self.accelerator = Accelerator(
            mixed_precision=precision or best_precision(), log_with="tensorboard", project_dir=out
        )
        self.accelerator.init_trackers("tensorboard")
        config = recipe.model
        generator, discriminator = Generator(config), Discriminator(config)
        average = AveragedModel(generator, multi_avg_fn=_rising_average(recipe.average))
        for network in (generator, discriminator, average):
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = average.to(self.accelerator.device)
        if self.accelerator.device.type == "cpu" and self.accelerator.mixed_precision == "bf16":
            use_matrix_products(generator)
            use_matrix_products(discriminator)
        self.generator: nn.Module = self.accelerator.prepare(generator)
        self.discriminator: nn.Module = self.accelerator.prepare(discriminator)
        self.optimisers: dict[str, Optimizer] = {
            name: self.accelerator.prepare(
                Adam(
                    network.parameters(),
                    recipe.learning_rate,
                    betas=(recipe.beta1, 0.999),
                    weight_decay=recipe.l2,
                    fused=True,
                )
            )
            for name, network in (("adam_g", generator), ("adam_d", discriminator))
        }
        self.batches = Batches(
            pictures.train,
            recipe.batch_size,
            recipe.seed,
            recipe.mirror,
            pictures.labels,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        self.step = 0
        self.images_before = 0
        """Images seen by the weights that this run started from (--init)."""
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []
        """One entry a checkpoint: images, minutes, kid."""
        self._real_features: Tensor | None = None
        self._features: Features | None = None

    @property
    def images_seen(self) -> int:
        return self.images_before + self.step * self.recipe.batch_size

    def start_from(self, weights: checkpoint.Checkpoint) -> None:
        """--init: shipped weights, fresh optimisers; their images count as seen."""
        if weights.config != self.recipe.model:
            raise ValueError(
                f"{weights.folder} holds another network than the recipe's; compare its "
                "config.json with the output of --dry-run"
            )
        g, d = weights.generator().state_dict(), weights.discriminator().state_dict()
        self._bare(self.generator).load_state_dict(g)
        self._bare(self.discriminator).load_state_dict(d)
        self.average.module.load_state_dict(g)
        self.images_before = int(weights.metadata.get("images_seen", 0))

    def resume(self) -> None:
        facts = load_state(self.out, self._modules(), self.optimisers)
        self.step, self.seconds = facts["step"], facts["seconds"]
        self.images_before, self.curve = facts["images_before"], facts["curve"]

    def save(self) -> None:
        facts = {
            "step": self.step,
            "seconds": self.seconds,
            "images_before": self.images_before,
            "curve": self.curve,
        }
        if self.accelerator.is_main_process:
            save_state(self.out, self._modules(), self.optimisers, facts)

    def run(self, budget: Budget, say: Callable[[str], None] = print) -> None:
        """Train until the budget is spent or SIGTERM or Ctrl-C asks to stop; then save."""
        started, before = time.monotonic(), self.seconds
        logged_at, logged_step = started, self.step
        grid_at = checkpoint_at = started
        with _StopSignal() as stop:
            while not stop.asked and not self._done(budget):
                losses = self.train_step()
                now = time.monotonic()
                self.seconds = before + now - started
                if now - logged_at >= budget.log_seconds:
                    rate = (self.step - logged_step) * self.recipe.batch_size / (now - logged_at)
                    self._log(losses, rate, budget, say)
                    logged_at, logged_step = now, self.step
                if now - grid_at >= budget.grid_minutes * 60:
                    self.write_grid()
                    grid_at = time.monotonic()
                epoch, rest = divmod(self.step, self.batches.steps_per_epoch)
                if (now - checkpoint_at >= budget.checkpoint_minutes * 60) or (
                    not rest and epoch in budget.checkpoint_epochs
                ):
                    self.write_checkpoint(say)
                    self.save()
                    checkpoint_at = time.monotonic()
        self.write_grid()
        if not stop.asked:
            self.write_checkpoint(say)
        self.save()
        self.accelerator.end_training()
        say(f"stopped after step {self.step}; --resume goes on from here")

    def train_step(self) -> dict[str, Tensor]:
        recipe, step = self.recipe, self.step
        self._warm_up()
        pictures, classes = self.batches.at(step)
        real = self._tensor(images.from_uint8(pictures, recipe.model.output))
        labels = None if classes is None else self._tensor(classes)
        if real.dim() == 4:
            real = real.contiguous(memory_format=torch.channels_last)
        z = self._z(step, recipe.batch_size)[
            self.accelerator.process_index :: self.accelerator.num_processes
        ]
        fake = self.generator(z, labels)
        alternating = recipe.updates == "alternating"
        losses: dict[str, Tensor] = {}
        if not alternating or step % 2 == 0:
            on_real = self.discriminator(real, labels)
            on_fake = self.discriminator(fake.detach(), labels)
            loss = _bce(on_real, 1.0) + _bce(on_fake, 0.0)
            self._update("adam_d", loss)
            losses |= {"loss_d": loss.detach(), "d_real": on_real.detach().sigmoid().mean(),
                       "d_fake": on_fake.detach().sigmoid().mean()}
        if not alternating or step % 2 == 1:
            self.discriminator.requires_grad_(False)
            loss = _bce(self.discriminator(fake, labels), 1.0)
            self._update("adam_g", loss)
            self.discriminator.requires_grad_(True)
            if recipe.average:
                self.average.update_parameters(self._bare(self.generator))
            losses["loss_g"] = loss.detach()
        self.step += 1
        return losses

    def exported(self) -> Generator:
        """A copy of G (averaged, where the recipe averages) with fixed statistics, in eval mode."""
        source = self.average.module if self.recipe.average else self._bare(self.generator)
        generator = Generator(self.recipe.model)
        generator.load_state_dict(source.state_dict())
        return fix_statistics(generator.to(memory_format=torch.channels_last))  # pyright: ignore[reportCallIssue]

    @torch.inference_mode()
    def sample(self, generator: Generator, count: int, seed: int = 0) -> np.ndarray:
        """(count, H, W, 3) uint8 from z's 0..count-1 of a seed, in batches as trained."""
        config = generator.config
        generator.train(self.recipe.statistics == "batch")
        z = latent.draws(seed, 0, count, config.z_size, config.prior).astype(np.float32)
        pictures = []
        for start in range(0, count, self.recipe.batch_size):
            part = torch.from_numpy(z[start : start + self.recipe.batch_size])
            labels = (start + torch.arange(len(part))) % config.classes if config.classes else None
            pictures.append(images.to_uint8(generator(part, labels).numpy(), config.output))
        return np.concatenate(pictures)

    def write_grid(self) -> None:
        sheet = images.grid(self.sample(self.exported(), GRID))
        path = self.out / "samples" / f"{self.images_seen:09d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(images.encode_png(sheet))

    def write_checkpoint(self, say: Callable[[str], None]) -> None:
        """Export to checkpoints/<images seen>, with its kernel distance where pictures allow."""
        generator = self.exported()
        kid = self._distance(generator)
        entry = {"images": self.images_seen, "minutes": round(self.seconds / 60, 2)}
        if kid is not None:
            entry["kid"] = kid
        self.curve.append(entry)
        folder = self.out / "checkpoints" / f"{self.images_seen:09d}"
        discriminator = self._bare(self.discriminator)
        checkpoint.save(folder, generator, discriminator, _run_card(self.recipe, entry))
        say(f"checkpoint {folder.name}: " + (f"KID {kid:.5f}" if kid is not None else "no KID"))

    def _distance(self, generator: Generator) -> float | None:
        """KID of 2,000 samples against 2,000 held-out pictures; None with fewer to compare."""
        held_out = self.pictures.held_out[:DISTANCE_COUNT]
        if len(held_out) < DISTANCE_COUNT:
            return None
        self._features = self._features or Features()
        if self._real_features is None:
            shown = np.broadcast_to(
                held_out.transpose(0, 2, 3, 1), (len(held_out), *held_out.shape[2:], 3)
            )
            self._real_features = self._features(np.ascontiguousarray(shown))
        generated = self._features(self.sample(generator, DISTANCE_COUNT, seed=1))
        return kernel_distance(generated, self._real_features)

    def _z(self, step: int, count: int) -> Tensor:
        generator, config = random(self.recipe.seed, "z", step), self.recipe.model
        shape = (count, config.z_size)
        z = generator.uniform(-1, 1, shape) if config.prior == "uniform" else (
            generator.standard_normal(shape))  # fmt: skip
        return self._tensor(z.astype(np.float32))

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.accelerator.device)

    def _update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad()
        self.accelerator.backward(loss)
        optimiser.step()

    def _warm_up(self) -> None:
        if self.images_before and self.step <= WARM_UP:
            for optimiser in self.optimisers.values():
                for group in optimiser.param_groups:
                    group["lr"] = self.recipe.learning_rate * min(1.0, (self.step + 1) / WARM_UP)

    def _done(self, budget: Budget) -> bool:
        return (budget.steps is not None and self.step >= budget.steps) or (
            budget.minutes is not None and self.seconds >= budget.minutes * 60
        )

    def _log(
        self, losses: dict[str, Tensor], rate: float, budget: Budget, say: Callable[[str], None]
    ) -> None:
        values = {name: round(float(value), 4) for name, value in losses.items()}
        self.accelerator.log({**values, "images_per_second": rate}, step=self.images_seen)
        if not self.accelerator.is_main_process:
            return
        entry = {"step": self.step, "images": self.images_seen, "seconds": round(self.seconds, 1),
                 "images_per_second": round(rate, 1), **values}  # fmt: skip
        with open(self.out / "log.jsonl", "a") as file:
            file.write(json.dumps(entry) + "\n")
        left = []
        if budget.minutes is not None:
            left.append(budget.minutes * 60 - self.seconds)
        if budget.steps is not None:
            left.append((budget.steps - self.step) * self.recipe.batch_size / rate)
        say(
            f"{self.images_seen:>9,} images  {rate:6.1f}/s  "
            + "  ".join(f"{k} {v:.3f}" for k, v in values.items())
            + (f"  {min(left) / 60:.1f} min left" if left else "")
        )

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "generator": self._bare(self.generator),
            "discriminator": self._bare(self.discriminator),
            "average": self.average,
        }

    def _bare(self, network: nn.Module) -> Any:
        return self.accelerator.unwrap_model(network)


def _rising_average(decay: float) -> Callable[..., None]:
    """An exponential average whose decay rises to `decay`, so that early pictures mean something.

    With a constant one the first epochs' average would still be mostly the initial weights.
    """

    def average(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(now)(averaged, current, count)

    return average


def best_precision() -> str:
    """bfloat16 where the hardware has it, float32 elsewhere."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "no"


def _bce(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _run_card(recipe: Recipe, entry: dict[str, float]) -> str:
    """The card of an intermediate checkpoint: just what --init and `best` read."""
    facts = "".join(f"{key}: {value}\n" for key, value in {"images_seen": entry["images"],
                                                            **entry}.items())
    return f"---\n{facts}---\n\n{recipe.description}\n"


def describe(recipe: Recipe) -> str:
    """The recipe and its deviations, for --dry-run and the card."""
    return json.dumps(asdict(recipe), indent=2)


class _StopSignal:
    """Turns SIGTERM and Ctrl-C into a flag while a run is under way."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> _StopSignal:
        self._previous: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._ask)
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
