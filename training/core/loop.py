"""The training loop: runs steps until the budget is spent; writes logs, grids, checkpoints, states.

`Run` owns a `Trainer` and an output folder. It decides when to log, to write a sample grid, to
export a checkpoint and to save a state, and it reacts to divergence, mode collapse and signals.
"""

from __future__ import annotations

import copy
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from accelerate.utils import broadcast_object_list
from torch import Tensor

from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.networks import Generator
from training.core import run_checkpoints, run_log
from training.core.distributed import (
    PRECISION_NAMES,
    TrainingError,
    is_connection_lost,
    lost_process_error,
    make_accelerator,
)
from training.core.mode_collapse import CollapseMonitor
from training.core.signals import StopSignal
from training.core.state import StateError, load_state, newest_facts, save_state
from training.core.trainer import Trainer
from training.data.datasets import Images, to_channels_last
from training.metrics import evaluation
from training.recipes import Recipe, settings

GRID_SAMPLES = 64
MAX_ROLLBACKS = 3
"""Rollbacks after a mode collapse before the run gives up."""


OnCollapse = Literal["warn", "stop", "rollback"]
"""Reaction to a mode collapse of G: log a warning and continue; raise TrainingError; or restore the
newest healthy state and continue with other latents."""


@dataclass(frozen=True)
class Budget:
    """Limits of a run (it stops at whichever comes first; None: no limit) and reporting intervals.

    Minutes and steps are totals over the whole run, including the time before a resume.
    """

    minutes: float | None = None
    steps: int | None = None
    log_seconds: float = 10.0
    grid_minutes: float = 3.0
    checkpoint_minutes: float = 10.0
    checkpoint_epochs: tuple[int, ...] = (1, 5)
    """Epochs after which a checkpoint is written in addition to the timed ones; the paper shows
    samples after one and five epochs (figures 2 and 3)."""


class Run:
    """A trainer and its output folder.

    The folder holds run.json, log.jsonl, tensorboard/, samples/, checkpoints/ and states/.
    """

    def __init__(
        self,
        recipe: Recipe,
        pictures: Images,
        out: Path,
        precision: str | None = None,
        on_collapse: OnCollapse = "warn",
        *,
        name: str | None = None,
        data: str | None = None,
    ) -> None:
        """Build the trainer and the collapse monitor.

        precision: "bf16", "fp16" or "no"; None selects the best that the hardware supports.
        name, data: name of the recipe and source of the images, both recorded in run.json.

        Raises DataError if the images do not fill a batch, and TrainingError if the machine does
        not support the recipe or the precision.
        """
        self.recipe, self.out, self.pictures = recipe, out, pictures
        self.on_collapse: OnCollapse = on_collapse
        self._name, self._data = name, data
        self._parts: list[run_log.Part] = []
        self._digest, self._grids = pictures.digest(), out / "samples"
        self.accelerator = make_accelerator(recipe, out, precision)
        self.trainer = Trainer(recipe, pictures, self.accelerator)
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []
        """One entry per checkpoint: images, minutes and the metrics of `Evaluator.figures`."""
        self._distance: evaluation.Evaluator | None = None
        self._monitor = CollapseMonitor(to_channels_last(self.trainer.batches.at(0)[0]))
        self._rollbacks = 0

    def resume(self, say: Callable[[str], None] = print) -> None:
        """Resume from the newest readable state in `out`.

        Raises StateError if there is none, or if it was saved with another recipe or other images.
        """
        now, before = settings(self.recipe), newest_facts(self.out)
        kept = before.get("recipe", now)  # early versions saved states without the recipe
        # a field that the state lacks was added later: the run used its default
        then = settings(Recipe(self.recipe.model, "")) | kept
        if changed := [name for name in now if then[name] != now[name]]:
            raise StateError(
                f"{self.out} was trained with another {', '.join(changed)}: give the recipe, "
                "--seed and --set that it was started with"
            )
        if before.get("pictures", self._digest) != self._digest:
            raise StateError(
                f"{self.out} was trained on other pictures than these "
                f"{len(self.trainer.batches.images):,}: give the same --data, whole, or start "
                "another run from a checkpoint (--init)"
            )
        self.seconds = self._restore(say)["seconds"]

    def _restore(self, say: Callable[[str], None], healthy: bool = False) -> dict[str, Any]:
        """Load the newest state and return its facts.

        healthy: skip states that were saved after G had collapsed.
        """
        trainer = self.trainer
        facts = load_state(self.out, trainer.networks(), trainer.optimisers, say, healthy=healthy)
        trainer.step, trainer.images_before = facts["step"], facts["images_before"]
        trainer.attempt = facts.get("attempt", 0)
        trainer.weights_before = facts.get("weights_before")
        self.curve = facts["curve"]
        if (scaler := self.accelerator.scaler) and "scaler" in facts:
            scaler.load_state_dict(facts["scaler"])
        if self.accelerator.is_main_process:  # drop grids written after the restored step
            for grid in self._grids.glob("*.png"):
                if int(grid.stem) > trainer.images_seen:
                    grid.unlink()
        return facts

    def save(self) -> None:
        """Save a state from which the run can resume (main process only)."""
        if not self.accelerator.is_main_process:
            return
        facts = {
            "step": self.trainer.step,
            "seconds": self.seconds,
            "images_before": self.trainer.images_before,
            "weights_before": self.trainer.weights_before,
            "curve": self.curve,
            "attempt": self.trainer.attempt,
            "recipe": settings(self.recipe),
            "pictures": self._digest,
            "healthy": self._monitor.is_healthy(
                self.trainer.generator_to_inspect(), self.trainer.step
            ),
        }
        if scaler := self.accelerator.scaler:
            facts["scaler"] = scaler.state_dict()
        save_state(self.out, self.trainer.networks(), self.trainer.optimisers, facts)

    def train(self, budget: Budget, say: Callable[[str], None] = print) -> None:
        """Train until the budget is spent or SIGTERM or Ctrl-C is received; then save.

        Raises TrainingError if the losses are not finite, if G has collapsed and `on_collapse` is
        "stop", if a file can't be written, or if another process of the run has died.
        """
        try:
            self._train(budget, say)
        except OSError as error:
            raise TrainingError(
                f"step {self.trainer.step} could not be kept ({error}), {self._last_state()}: make "
                "room, then --resume"
            ) from error
        except RuntimeError as error:
            if not is_connection_lost(error):
                raise
            raise lost_process_error(self._last_state) from error

    def _train(self, budget: Budget, say: Callable[[str], None]) -> None:
        trainer = self.trainer
        self.out.mkdir(parents=True, exist_ok=True)
        self.accelerator.init_trackers("tensorboard")
        self._begin(say)
        started, before = time.monotonic(), self.seconds
        logged_at, logged_step = started, trainer.step
        grid_at = checkpoint_at = started
        losses: dict[str, Tensor] = {}
        with StopSignal() as stop, trainer.prefetching():
            while not self._agree_to_stop(stop.asked or self._is_budget_spent(budget)):
                losses = trainer.train_step()
                if found := self._check_collapse():
                    self._handle_collapse(found, say)
                now = time.monotonic()
                self.seconds = before + now - started
                if now - logged_at >= budget.log_seconds:
                    pace = (trainer.step - logged_step) / (now - logged_at)
                    self._log_progress(self._check_losses(losses), pace, budget, say)
                    logged_at, logged_step = now, trainer.step
                if now - grid_at >= budget.grid_minutes * 60:
                    if self.accelerator.is_main_process:
                        self.write_grid()
                    grid_at = time.monotonic()
                if (
                    now - checkpoint_at >= budget.checkpoint_minutes * 60
                    or trainer.ended_epoch in budget.checkpoint_epochs
                ):
                    self._check_losses(losses)
                    self.save()  # first: KID takes minutes, and the process may be killed meanwhile
                    self.write_checkpoint(say)
                    self.save()
                    grid_at = checkpoint_at = time.monotonic()
            self._check_losses(losses)
            self.save()
            if not stop.asked:
                self.write_checkpoint(say)
                self.save()
            elif self.accelerator.is_main_process:
                self.write_grid()
        self.accelerator.wait_for_everyone()
        self.accelerator.end_training()
        say(f"stopped after step {trainer.step}; --resume goes on from here")

    def write_grid(self, generator: Generator | None = None) -> None:
        """Write a grid of samples from fixed latents to samples/<images seen>.png.

        generator: defaults to the generator that a checkpoint would export now.
        """
        sampled = self._for_sampling(generator or self.trainer.export_generator())
        pictures = sampled.sample(GRID_SAMPLES, 0, self.recipe.batch_size)
        path = self._grids / f"{self.trainer.images_seen:09d}.png"
        self._grids.mkdir(exist_ok=True)
        path.write_bytes(images.encode_png(images.make_grid(pictures)))

    def write_checkpoint(self, say: Callable[[str], None] = print) -> None:
        """Export a checkpoint to checkpoints/<images seen> and write a sample grid.

        Metrics are computed if at least `evaluation.MIN_HELD_OUT` images are held out. The call
        does nothing if this step has been exported already.
        """
        seen = self.trainer.images_seen
        written = bool(self.curve) and self.curve[-1]["images"] == seen
        if written or not self.accelerator.is_main_process:
            return
        generator = self.trainer.export_generator()
        self.write_grid(generator)
        entry = {"images": seen, "minutes": round(self.seconds / 60, 2)}
        held_out = self.pictures.held_out
        if len(held_out) >= evaluation.MIN_HELD_OUT:
            self._distance = self._distance or evaluation.Evaluator(held_out, self.pictures.train)
            entry |= self._distance.figures(self._for_sampling(generator), self.recipe.batch_size)
        folder = run_checkpoints.checkpoint_folder(self.out, seen)
        card = run_checkpoints.checkpoint_card(self.recipe.description, entry)
        for unfinished in folder.parent.glob(".[0-9]*"):
            shutil.rmtree(unfinished)
        partial = folder.with_name(f".{folder.name}")
        checkpoint.save(partial, generator, self.trainer.discriminator, card)
        shutil.rmtree(folder, ignore_errors=True)  # left by a process killed before the next save
        partial.rename(folder)
        self.curve.append(entry)
        self._keep_record()
        say(f"checkpoint {folder.name}: {run_checkpoints.kid_text(entry)}")

    def _for_sampling(self, generator: Generator) -> Generator:
        if self.recipe.statistics == "fixed":
            return generator
        return copy.deepcopy(generator).train()  # sampling in train mode moves running statistics

    def _is_budget_spent(self, budget: Budget) -> bool:
        return (budget.steps is not None and self.trainer.step >= budget.steps) or (
            budget.minutes is not None and self.seconds >= budget.minutes * 60
        )

    def _agree_to_stop(self, here: bool) -> bool:
        """Return whether any process wants to stop; clocks and signals differ between them."""
        if self.accelerator.num_processes == 1:
            return here
        if here:
            self.accelerator.set_trigger()
        return self.accelerator.check_trigger()

    def _check_losses(self, losses: dict[str, Tensor]) -> dict[str, float]:
        """Return the losses as rounded floats. Raise TrainingError if any is not finite."""
        values = {name: round(float(value), 4) for name, value in losses.items()}
        if not all(map(math.isfinite, values.values())):
            raise TrainingError(
                f"the run has diverged: at step {self.trainer.step} the losses are {values}, "
                f"{self._last_state()}. It would do so again from there: start another run from an "
                "earlier checkpoint (--init), or with another --seed"
            )
        return values

    def _last_state(self) -> str:
        try:
            return f"the last whole state is of step {newest_facts(self.out)['step']}"
        except StateError:
            return "there is no whole state yet"

    def _check_collapse(self) -> str | None:
        """Return how G has collapsed, or None; the same answer in all processes.

        The main process checks every `CHECK_INTERVAL` steps and broadcasts the result.
        """
        if not self._monitor.is_due(self.trainer.step):
            return None
        main = self.accelerator.is_main_process
        found = [self._monitor.check(self.trainer.generator_to_inspect()) if main else None]
        return broadcast_object_list(found)[0]

    def _handle_collapse(self, how: str, say: Callable[[str], None]) -> None:
        """Warn, roll back or raise TrainingError, as `on_collapse` says."""
        at = {"step": self.trainer.step, "images": self.trainer.images_seen}
        what = f"G has collapsed at step {at['step']}: {how}"
        if self.on_collapse == "stop":
            raise TrainingError(
                f"{what}; {self._last_state()}. --resume --on-collapse rollback goes on from a "
                "healthy one with other z's; or start another run from an earlier checkpoint "
                "(--init), or with another --seed"
            )
        if self.on_collapse == "warn":
            then = "An earlier checkpoint may be the best there will be"
        else:
            then = self._roll_back(what, say)
        say(f"{what}. {then}")
        if self.accelerator.is_main_process:
            run_log.append_to_log(self.out, {**at, "event": f"{what}. {then}"})

    def _roll_back(self, why: str, say: Callable[[str], None]) -> str:
        """Restore the newest healthy state and return a message that says so.

        Raises TrainingError after `MAX_ROLLBACKS` rollbacks or if there is no such state.
        """
        if self._rollbacks == MAX_ROLLBACKS:
            raise TrainingError(
                f"{why}, after going back {MAX_ROLLBACKS} times. The recipe or the pictures must "
                "change: start another run from an earlier checkpoint (--init)"
            )
        try:
            facts = self._restore(say, healthy=True)
        except StateError as error:
            raise TrainingError(f"{why}. It can't go back: {error}") from None
        self._rollbacks += 1
        self.trainer.attempt += 1
        self._monitor.reset()
        self._keep_record()  # the restored curve lacks the checkpoints of the abandoned steps
        return f"Back to step {facts['step']}, from where other z's are drawn"

    def _begin(self, say: Callable[[str], None]) -> None:
        accelerator, step = self.accelerator, self.trainer.step
        precision = PRECISION_NAMES[accelerator.mixed_precision]
        say(
            f"training on {accelerator.device} in {precision} from step {step}, "
            f"{self.trainer.batches.steps_per_epoch} batches an epoch; Ctrl-C stops and saves"
        )
        if accelerator.is_main_process:
            earlier = run_log.read_record(self.out).parts if step else []
            self._parts = [*earlier, run_log.begin_part(step, precision, accelerator.num_processes)]
            self._keep_record()

    def _keep_record(self) -> None:
        """Write run.json."""
        if not self.accelerator.is_main_process:
            return
        trainer, pictures = self.trainer, self.pictures
        start = None
        if trainer.weights_before or trainer.images_before:
            start = run_log.Start(trainer.weights_before, trainer.images_before or 0)
        counts = len(pictures.train), len(pictures.held_out)
        record = run_log.Record(
            recipe_name=self._name,
            recipe=asdict(self.recipe),
            data=self._data,
            pictures=run_log.Pictures(*counts, self._digest),
            init=start,
            curve=self.curve,
            parts=self._parts,
        )
        run_log.write_record(self.out, record)

    def _log_progress(
        self, values: dict[str, float], pace: float, budget: Budget, say: Callable[[str], None]
    ) -> None:
        """Write losses and throughput to the logs. pace: steps per second since the last call."""
        seen, rate = self.trainer.images_seen, pace * self._images_per_step()
        self.accelerator.log({**values, "images_per_second": rate}, step=seen)
        if not self.accelerator.is_main_process:
            return
        entry = {
            "step": self.trainer.step,
            "images": seen,
            "seconds": round(self.seconds, 1),
            "images_per_second": round(rate, 1),
            **values,
        }
        if self._monitor.latest:
            entry |= self._monitor.latest.figures()
        run_log.append_to_log(self.out, entry)
        left = []
        if budget.minutes is not None:
            left.append(budget.minutes * 60 - self.seconds)
        if budget.steps is not None:
            left.append((budget.steps - self.trainer.step) / pace)
        say(
            f"{seen:>9,} images  {rate:6.1f}/s  "
            + "  ".join(f"{name} {value:.3f}" for name, value in values.items())
            + (f"  {min(left) / 60:.1f} min left" if left else "")
        )

    def _images_per_step(self) -> float:
        return self.recipe.batch_size / self.trainer.steps_per_batch
