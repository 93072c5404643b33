"""Work that takes seconds: a generator that yields how much of it is done and returns its result.

Whoever runs it decides when to take the next step, shows the fraction, or stops by taking no more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
Item = TypeVar("Item")

Work: TypeAlias = Generator[float, None, T]
"""Yields fractions from 0 to 1, a few tenths of a second apart; raises before the first of them
what is wrong with its arguments."""


class Progress(float):
    """A fraction, and what there is to see by then: anything that JSON can say."""

    preview: Any

    def __new__(cls, done: float, seen: Any) -> Progress:
        made = super().__new__(cls, done)
        made.preview = seen
        return made


def run_to_end(work: Work[T]) -> T:
    """The result of all of it, at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def sub_task(start: float, end: float, work: Work[T]) -> Work[T]:
    """Work as a part of a larger one, from one of that one's fractions to another."""
    while True:
        try:
            fraction = next(work)
        except StopIteration as ended:
            return ended.value
        yield start + (end - start) * fraction


def map_in_batches(
    do: Callable[[Sequence[Item]], T], items: Sequence[Item], size: int
) -> Work[list[T]]:
    """What `do` makes of `size` items at a time."""
    found = []
    for start in range(0, len(items), size):
        found.append(do(items[start : start + size]))
        yield min(start + size, len(items)) / len(items)
    return found


def shared_task(begin: Callable[P, Work[T]]) -> Callable[P, Work[T]]:
    """Work that is done once for the same arguments: its result is kept, all who ask meanwhile
    take steps of the same work, and what was stopped goes on from where it was.

    Not for several threads at a time.
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
                self._work = None  # the next to ask is told what is wrong, too
                raise
            else:
                yield fraction
        return self._found[0]
