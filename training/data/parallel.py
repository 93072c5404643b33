"""Parallel calls in several processes."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from joblib import Parallel


def run_in_processes(
    calls: Iterable[Any], processes: int, batch_size: int, *, ordered: bool = True
) -> Generator[Any]:
    """Run joblib's delayed calls in processes and yield their results as they become available.

    processes: number of processes; -1: one per core. batch_size: calls per task of a process.
    ordered: yield results in the order of the calls.
    """
    way = "generator" if ordered else "generator_unordered"
    parallel: Any = Parallel(processes, return_as=way, batch_size=batch_size)  # pyright: ignore[reportArgumentType]  (no types of its own)
    yield from parallel(calls)
