"""Training speed, compared with the plain loop of pytorch/examples/dcgan.

    python -m benchmarks.train_speed [--rounds 12] [--json FILE]      1 to 2 minutes

Both train the same networks (G from 512 maps, D from 64, 4x4 kernels) on batches of 128; an image
counts as seen after one step of D and one of G. The baseline runs in float32 in the default memory
format; ours is `Trainer.train_step` as in the recipe `faces`, with weight averaging and mirroring.
They take turns, so that changes of the machine's speed affect both; figures are medians over turns.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from accelerate import Accelerator
from torch import nn

from benchmarks import Figure, machine
from dcgan.models.networks import Discriminator, Generator
from training.core.trainer import Trainer, best_precision
from training.data.datasets import Images
from training.recipes import FACES, FACES_COMMON, Recipe

STEPS = 2
"""Number of steps per turn."""


def main(
    rounds: Annotated[int, typer.Option(help="Number of turns of each.", min=1)] = 12,
    file: Annotated[Path | None, typer.Option("--json", help="JSON file for the figures.")] = None,
) -> None:
    """Compare the training speed with the plain loop's."""
    recipe = dataclasses.replace(FACES, model=FACES_COMMON.model)
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (8 * recipe.batch_size, 3, 64, 64), np.uint8)
    accelerator = Accelerator(mixed_precision=best_precision(), cpu=True)
    ours = Trainer(recipe, Images(pictures, pictures[:0]), accelerator).train_step
    plain = plain_loop(recipe, pictures)
    found: dict[str, list[float]] = {"ours": [], "plain": []}
    for number in range(rounds + 1):
        for name, step in (("plain", plain), ("ours", ours)):
            rate = STEPS * recipe.batch_size / seconds(step)
            if number:  # the first round warms up
                found[name].append(rate)
    for name, rates in found.items():
        print(f"{name:6} {min(rates):6.1f} to {max(rates):6.1f} images/s in {rounds} turns")
    value, peer = (round(statistics.median(found[name]), 1) for name in ("ours", "plain"))
    figure = Figure("train speed", value, "images/s", "higher", peer)
    print(figure)
    print(machine())
    if file:
        file.write_text(json.dumps([figure.as_dict()], indent=2) + "\n")


def seconds(step: Callable[[], object]) -> float:
    """Return the duration of a turn in seconds."""
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return time.perf_counter() - start


def plain_loop(recipe: Recipe, pictures: np.ndarray) -> Callable[[], None]:
    """Return a step of pytorch/examples/dcgan/main.py for the same networks, in float32."""
    generator, discriminator = Generator(recipe.model), Discriminator(recipe.model)
    betas = (recipe.beta1, 0.999)
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=recipe.learning_rate, betas=betas)
    adam_g = torch.optim.Adam(generator.parameters(), lr=recipe.learning_rate, betas=betas)
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(recipe.batch_size), torch.zeros(recipe.batch_size)
    batches = list((torch.from_numpy(pictures) / 127.5 - 1).split(recipe.batch_size))

    def step() -> None:
        batches.append(real := batches.pop(0))
        discriminator.zero_grad()
        criterion(discriminator(real), ones).backward()
        fake = generator(torch.randn(recipe.batch_size, recipe.model.z_size))
        criterion(discriminator(fake.detach()), zeros).backward()
        adam_d.step()
        generator.zero_grad()
        criterion(discriminator(fake), ones).backward()
        adam_g.step()

    return step


if __name__ == "__main__":
    typer.run(main)
