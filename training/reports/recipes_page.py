"""Generator of docs/RECIPES.md: data, cost, results and deviations of each recipe.

    python -m training recipes --timed
    python -m training recipes

Operations and bytes are counted in actual training steps on the CPU, in float32, and scaled to the
recipe's batch size. The figures for a GPU are computed from these: no recipe has been run on one.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np
from accelerate import Accelerator
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from dcgan.config import ModelConfig
from dcgan.models import checkpoint
from dcgan.paths import REPOSITORY
from training import records
from training.core.trainer import Trainer, best_precision
from training.data.datasets import Images
from training.experiments import figures
from training.recipes import Recipe

WEIGHTS = REPOSITORY / "weights"
SPEEDS = REPOSITORY / "docs" / "recipes.json"
"""Output of --timed: the machine, and images per second by recipe."""
TIMED_STEPS = 5
"""Number of timed steps (pairs of steps for alternating updates), after an untimed first one."""
COUNTED_BATCHES = (8, 16)
"""Batch sizes that are counted, to separate the cost per image from the cost per step."""
GPU, OPERATIONS, BANDWIDTH = "A100 (80 GB)", 312e12, 2.0e12
"""Name of the GPU, its bfloat16 operations per second and its memory bandwidth in bytes per second,
as stated by its manufacturer."""

HEAD = f"""# Recipes

Written by `python -m training recipes` from training/recipes.py, the cards of weights/ and a count
of one training step each. A recipe is run by

```sh
python -m training train NAME --data DATA --out runs/NAME
```

and `--dry-run` prints all of its fields. Images, minutes and KID are those of the weights that are
shipped, from 2 CPU cores (some on one of them, beside other work), as their cards say, or of a run
whose weights are not shipped. The speed on those two cores, with nothing beside, is that of a few
steps: what checkpoints and grids take comes on top.

**What stands under "{GPU}" has not been run: it is computed.** The speed is the lower one of two
bounds: all operations of a step at {OPERATIONS / 1e12:g} tera-operations a second, and all bytes
that its tensors take in and out of memory at {BANDWIDTH / 1e12:g} TB a second, in bfloat16 and with
nothing fused. No loop reaches the first; expect a fraction. The memory is of weights, gradients,
optimisers, the averaged G, and what a step keeps for its gradients; libraries take a gigabyte
more."""

MANY = """## Several GPUs, and what has not been run on any

```sh
accelerate launch --num_processes 8 \\
  -m training train lsun --data DATA --out runs/lsun --with prefetch
```

The batch is the recipe's whatever the number of processes: each takes its part of the common batch
and of its z, and the gradients are averaged. Eight processes see 16 pictures each of a batch of
128, so a step is shorter and no other; the number has to divide the batch. Each part is normalised
by its own statistics, unless the recipe, or `--with sync_norm`, has them taken over the whole
batch. The first process alone writes states, grids and checkpoints, and measures these while the
others wait, for an hour at most. SIGTERM and Ctrl-C stop all of them and save. Where a process dies
the others end, with a sentence that names the last state; the same command with `--resume` goes on
from it, also with another number of processes.

Without a GPU it is `accelerate launch --multi_gpu --num_processes 2`: with `--cpu` Accelerate 1.15
starts one process only. Options of a recipe that are off in all of them are turned on by `--with`:

- `sync_norm`: batch statistics over all processes, on GPUs. It is part of what is learned: a run
  keeps to it.
- `compile`: both networks through torch.compile. On 2 busy CPU cores the first step of a tiny
  network took 74 s (102 s in bfloat16) and later ones were no faster: it is meant for GPUs.
- `prefetch`: a thread gathers the next batch; for a GPU it copies it from pinned memory. On a CPU
  it gains nothing: gathering 128 faces takes 0.02 s, a step of theirs 0.7 s.
- `--precision fp16`, for GPUs without bfloat16: losses are scaled so that gradients stay in range.

What tests cover, on a CPU: two gloo processes equal one that runs the halves apart and averages
their gradients; a killed process, SIGTERM, and going on to the bit; compiled networks against the
others; the scale of losses in float32; prefetched batches, to the bit.

What no test covers, for **nothing here has been run on a GPU**:

- any recipe on CUDA, in any precision, its speed and its memory
- several GPUs: averaging over NCCL, and that a process killed there ends the others. A process that
  waits in a CUDA kernel hears of nothing; the launcher kills it after 30 seconds, without our
  sentence, and the state is as readable.
- `sync_norm` as a computation: torch has none for CPUs. Tested is only that it keeps the names of
  parameters, and that looks at G by one process do not wait for the others.
- float16 as arithmetic, and how often its first steps are skipped until the scale fits
- the copy from pinned memory, and whether it hides behind a step: it is on the same stream as the
  step, which spares the wait of the process, not of the GPU
- torch.compile's code for GPUs
- exactness: a resumed run equals an uninterrupted one to the bit on a CPU; cuDNN's weight gradients
  need not be the same twice
- a large set with many processes: the first of a machine decodes the pictures into a file that all
  map (37 GB for 3 million of 64x64, twice that while it is laid out; with several machines each
  process makes its own), and every step asks all processes whether one has to stop"""

NOT_SHIPPED = {
    "faces-common": ["102,272 (not shipped)", "20", "2.032 (2,000)"],
    "svhn": ["156,480 (not shipped)", "35", "0.167 (2,000)"],
}
"""Images seen, minutes and KID of runs whose weights are not shipped."""

DATA = {
    "faces": "aligned faces of 64x64 (`prepare faces --aligned`); here 28,000",
    "faces-common": "the same, as a baseline",
    "faces-paper": "the same; the paper has 350,000",
    "imagenet32": "any pictures of 32x32 (`prepare imagenet`); here 41,000 of 200 classes, the "
    "paper has 1.3 million of 1,000",
    "lsun": "3 million bedrooms (`prepare lsun`, `dedup`)",
    "mnist": "digits of 28x28 with a column `label`",
    "rooms": "rooms of 64x64 with a column `room`; here 10,000 bedrooms and living rooms",
    "svhn": "house numbers of 32x32, without labels",
}


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of a training step in float32.

    operations: floating point operations. moved: bytes read and written. kept: bytes saved for the
    backward pass. parameters: numbers of parameters of G and D.
    """

    operations: float
    moved: float
    kept: float
    parameters: tuple[int, int]


class _Moved(TorchDispatchMode):
    """Counts the bytes of the inputs and outputs of all operations except views."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = (x for x in tree_leaves((args, kwargs, given)) if isinstance(x, Tensor))
            self.bytes += sum(x.numel() * x.element_size() for x in tensors)
        return given


def count_operations(recipe: Recipe, batch: int) -> Cost:
    """Count the cost of updating both networks once with a batch of this size."""
    model = recipe.model
    size = (batch, model.channels, model.image_size, model.image_size)
    labels = np.arange(batch) % model.classes if model.classes else None
    pictures = Images(np.zeros(size, np.uint8), np.empty((0, *size[1:]), np.uint8), labels=labels)
    smaller = dataclasses.replace(recipe, batch_size=batch)
    trainer = Trainer(smaller, pictures, Accelerator(cpu=True, mixed_precision="no"))
    parameters = [p for network in trainer.networks().values() for p in network.parameters()]
    own = {parameter.data_ptr() for parameter in parameters}
    kept: dict[int, int] = {}
    reading = False

    def keep(x: Tensor) -> Tensor:
        if not reading and x.data_ptr() not in own:
            kept[x.data_ptr()] = x.numel() * x.element_size()
        return x

    def read(x: Tensor) -> Tensor:
        nonlocal reading
        reading = True  # the backward pass of D has begun and frees saved tensors from here on
        return x

    moved, operations = _Moved(), FlopCounterMode(display=False)
    with saved_tensors_hooks(keep, read), operations, moved:
        for _ in range(trainer.steps_per_batch):
            trainer.train_step()
    g, d = (
        sum(parameter.numel() for parameter in network.parameters())
        for network in (trainer.generator, trainer.discriminator)
    )
    return Cost(operations.get_total_flops(), moved.bytes, sum(kept.values()), (g, d))


def step_cost(recipe: Recipe) -> Cost:
    """Return the cost of a step at the recipe's batch size.

    Extrapolates linearly from two small batches, which takes less time and memory.
    """
    few, more = (count_operations(recipe, batch) for batch in COUNTED_BATCHES)
    times = (recipe.batch_size - COUNTED_BATCHES[0]) / (COUNTED_BATCHES[1] - COUNTED_BATCHES[0])

    def scaled(name: str) -> float:
        return getattr(few, name) + times * (getattr(more, name) - getattr(few, name))

    return Cost(scaled("operations"), scaled("moved"), scaled("kept"), few.parameters)


def recipes_page(recipes: Mapping[str, Recipe]) -> str:
    """Return the content of docs/RECIPES.md."""
    rows = [table_row(name, recipe) for name, recipe in recipes.items()]
    sections = [recipe_section(name, recipe) for name, recipe in recipes.items()]
    return "\n\n".join([HEAD, figures.markdown_table(COLUMNS, rows), MANY, *sections]) + "\n"


COLUMNS = (
    "",
    "parameters of G + D, millions",
    "operations a picture, billions",
    "images seen",
    "minutes",
    "KID (n)",
    "2 cores: images a second",
    "hours for a million",
    f"{GPU}: images a second, at most",
    "minutes for a million, at least",
    "GB",
)


def images_per_second(recipe: Recipe) -> float:
    """Measure images per second on this machine: median of TIMED_STEPS steps, best precision."""
    model = recipe.model
    size = (4 * recipe.batch_size, model.channels, model.image_size, model.image_size)
    pictures = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    labels = np.arange(len(pictures)) % model.classes if model.classes else None
    given = Images(pictures, pictures[:0], labels=labels)
    trainer = Trainer(recipe, given, Accelerator(mixed_precision=best_precision()))
    taken = []
    for _ in range(1 + TIMED_STEPS):
        started = time.perf_counter()
        for _ in range(trainer.steps_per_batch):
            trainer.train_step()
        taken.append(time.perf_counter() - started)
    return round(recipe.batch_size / median(taken[1:]), 1)


def write_speeds(recipes: Mapping[str, Recipe]) -> None:
    """Time all recipes on this machine and write the file SPEEDS."""
    found = {name: images_per_second(recipe) for name, recipe in recipes.items()}
    records.write(SPEEDS, {"machine": records.machine(), "images_per_second": found})


def table_row(name: str, recipe: Recipe) -> list[str]:
    """Return a recipe's row of the table."""
    speed = records.read(SPEEDS, dict[str, Any])["images_per_second"][name]
    found = step_cost(recipe)
    g, d = found.parameters
    seconds = max(found.operations / OPERATIONS, found.moved / 2 / BANDWIDTH)
    memory = 16 * (g + d) + (4 * g if recipe.average else 0) + found.kept / 2
    return [
        name,
        f"{g / 1e6:.1f} + {d / 1e6:.1f}",
        f"{found.operations / recipe.batch_size / 1e9:.2f}",
        *_trained(name),
        f"{speed:,.0f}",
        f"{1e6 / speed / 3600:.1f}",
        f"{float(f'{recipe.batch_size / seconds:.2g}'):,.0f}",
        f"{1e6 / recipe.batch_size * seconds / 60:.2f}",
        f"{memory / 2**30:.2f}",
    ]


def _trained(name: str) -> list[str]:
    """Return the cells images seen, minutes and KID of a recipe."""
    if not (WEIGHTS / name).is_dir():
        return NOT_SHIPPED.get(name, ["not trained", "", ""])
    facts = checkpoint.load(WEIGHTS / name).metadata
    kid = f"{facts['kid']:.3f} ({facts['kid_n']:,})"
    return [f"{facts['images_seen']:,}", f"{facts['minutes']:.0f}", kid]


def recipe_section(name: str, recipe: Recipe) -> str:
    """Return a recipe's section: data, network and deviations from the paper."""
    model = recipe.model
    network = (
        f"{model.image_size}x{model.image_size}, z of {model.z_size} ({model.prior}), G "
        f"{_widths(model, 'generator')}, D {_widths(model, 'discriminator')}"
    )
    lines = [f"## {name}", recipe.description]
    lines.append(f"- Data: {DATA[name]}\n- Network: {network}\n- Batches of {recipe.batch_size}")
    if recipe.deviations:
        by_reason: dict[str, list[str]] = {}
        for field, reason in recipe.deviations.items():
            by_reason.setdefault(reason, []).append(f"`{field}`")
        said = (f"- {', '.join(fields)}: {reason}" for reason, fields in by_reason.items())
        lines += ["Not as in the paper:", "\n".join(said)]
    else:
        lines.append("As in the paper.")
    return "\n\n".join(lines)


def _widths(model: ModelConfig, network: str) -> str:
    widths = "-".join(map(str, getattr(model, f"{network}_widths")))
    kernel = getattr(model, f"{network}_kernels")[0]
    return f"{widths} with {kernel}x{kernel}"
