"""Rendering speed of the engine (dcgan/rendering/engine.py), compared with eager torch.

    python -m benchmarks.draw [--rounds 30] [--json FILE]      about half a minute

Both render the same latents of the shipped faces in float32, in turns. Times are medians of whole
calls, from specs to images before rounding. Both use one thread, as on the page: torch's threads
wait for each other if the machine is busy.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from benchmarks import Figure, machine
from dcgan.models import checkpoint
from dcgan.rendering.engine import Model

SIZES = {1: 10, 64: 1}
"""Batch size -> number of calls per round."""


def main(
    rounds: Annotated[int, typer.Option(help="Number of turns of each.", min=1)] = 30,
    file: Annotated[Path | None, typer.Option("--json", help="JSON file for the figures.")] = None,
) -> None:
    """Compare the engine with eager torch."""
    torch.set_num_threads(1)
    weights = checkpoint.load("weights/faces")
    model, generator = Model("faces", weights), weights.generator()
    figures = []
    for size, calls in SIZES.items():
        specs = [model.sample(0, index) for index in range(size)]

        def ours(specs=specs) -> np.ndarray:
            return model.draw(specs)

        @torch.inference_mode()
        def peer(specs=specs) -> np.ndarray:
            z = np.stack([model.z(spec) for spec in specs]).astype(np.float32)
            return generator(torch.from_numpy(z)).numpy()

        apart = float(abs(ours() - peer()).max())
        print(f"{size} together: at most {apart:.1e} apart")
        mine, theirs = [], []
        for _ in range(rounds):
            mine += timed(ours, calls)
            theirs += timed(peer, calls)
        name = "one picture" if size == 1 else f"{size} pictures"
        figures.append(Figure(name, median(mine), "ms", "lower", median(theirs)))
    for figure in figures:
        print(figure)
    print(machine())
    if file:
        file.write_text(json.dumps([figure.as_dict() for figure in figures], indent=2) + "\n")


def timed(draw: Callable[[], np.ndarray], calls: int) -> list[float]:
    """Return the duration of each call in milliseconds."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        draw()
        times.append(1000 * (time.perf_counter() - start))
    return times


def median(times: list[float]) -> float:
    return round(statistics.median(times), 2)


if __name__ == "__main__":
    typer.run(main)
