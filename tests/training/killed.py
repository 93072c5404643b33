"""`python -m tests.training.killed OUT KILLS`: a run that is killed again and again.

The run saves its state and a checkpoint after every step. It goes on in a new process each time,
which gets SIGKILL at a random moment: after up to three times the time that the first process took
to its first state. What resuming says is appended to OUT/said.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from tests.training import small
from training.core.loop import Budget, Run
from training.core.state import newest_facts

ALWAYS = Budget(log_seconds=0, grid_minutes=0, checkpoint_minutes=0, checkpoint_epochs=())


def train(out: Path) -> None:
    run = Run(small.RECIPE, small.images(), out, "no")
    with (out / "said").open("a") as said:
        if (out / "states").is_dir() and small.states(out):
            run.resume(lambda line: print(line, file=said, flush=True))
        run.train(ALWAYS, lambda line: None)


def main(out: Path, kills: int) -> None:
    chance = random.Random(0)
    out.mkdir()
    before, needed = 0, 0.0
    for number in range(kills):
        process, started = os.fork(), time.monotonic()
        if not process:
            train(out)
        while not needed and time.monotonic() < started + 60:
            time.sleep(0.01)
            if small.states(out):
                needed = time.monotonic() - started
        time.sleep(chance.uniform(0, 3 * needed))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        step = newest_facts(out)["step"]
        assert step >= before, f"kill {number}: back from {before} to {step}"
        before = step
    print(before)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
