"""Calls in several processes."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from joblib import Parallel


def run_in_processes(
    calls: Iterable[Any], processes: int, together: int, *, ordered: bool = True
) -> Generator[Any]:
    """What joblib's delayed calls return, as soon as it is there.

    processes: -1 is one a core. together: calls that a process is given at a time. ordered: in the
    order of the calls.
    """
    way = "generator" if ordered else "generator_unordered"
    parallel: Any = Parallel(processes, return_as=way, batch_size=together)  # pyright: ignore[reportArgumentType]  (no types of its own)
    yield from parallel(calls)
