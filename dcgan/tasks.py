"""Background tasks: generators that yield the fraction done and return a result.

The caller decides when to run the next step, may show the fraction, and stops a task by not
resuming it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
Item = TypeVar("Item")

Work: TypeAlias = Generator[float, None, T]
"""A task: yields fractions from 0 to 1, a few tenths of a second apart, and returns a result.

Errors in its arguments are raised before the first fraction.
"""


class Progress(float):
    """A fraction with a preview of the result, which must be serialisable as JSON."""

    preview: Any

    def __new__(cls, done: float, seen: Any) -> Progress:
        made = super().__new__(cls, done)
        made.preview = seen
        return made


def run_to_end(work: Work[T]) -> T:
    """Run a task to its end and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def sub_task(start: float, end: float, work: Work[T]) -> Work[T]:
    """Run a task as part of another; its fractions are mapped to the range from start to end."""
    while True:
        try:
            fraction = next(work)
        except StopIteration as ended:
            return ended.value
        yield start + (end - start) * fraction


def map_in_batches(
    do: Callable[[Sequence[Item]], T], items: Sequence[Item], size: int
) -> Work[list[T]]:
    """Apply `do` to batches of `size` items; return the list of its results."""
    found = []
    for start in range(0, len(items), size):
        found.append(do(items[start : start + size]))
        yield min(start + size, len(items)) / len(items)
    return found


def shared_task(begin: Callable[P, Work[T]]) -> Callable[P, Work[T]]:
    """Decorate a task function so that calls with the same arguments share one task.

    The result is cached. Concurrent callers advance the same generator, and a task that was stopped
    continues where it was. Not thread-safe.
    """

    @functools.lru_cache(maxsize=64)
    def shared(*arguments: P.args, **named: P.kwargs) -> _SharedTask[T]:
        return _SharedTask(lambda: begin(*arguments, **named))

    @functools.wraps(begin)
    def follow(*arguments: P.args, **named: P.kwargs) -> Work[T]:
        return shared(*arguments, **named).follow()

    return follow


class _SharedTask(Generic[T]):
    def __init__(self, begin: Callable[[], Work[T]]) -> None:
        self._begin = begin
        self._work: Work[T] | None = None
        self._found: list[T] = []

    def follow(self) -> Work[T]:
        while not self._found:
            self._work = self._work or self._begin()
            try:
                fraction = next(self._work)
            except StopIteration as end:
                self._found.append(end.value)
            except BaseException:
                self._work = None  # so that the next caller gets the error as well
                raise
            else:
                yield fraction
        return self._found[0]
