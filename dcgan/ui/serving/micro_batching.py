"""Pictures that are asked for at about the same time are drawn together.

A few threads draw. What waits meanwhile is the next batch, first come first served, so a lone
visitor waits for nothing and a crowd shares its forwards. The pictures of sheets wait in a lane of
their own, of which every batch takes a few: a sheet of 128 delays nobody's dragging by more than
these few, and is itself done however many drag.

Both lanes are bounded. Before one is full it refuses by chance, the more often the fuller it is
(random early detection: Floyd and Jacobson 1993): a lane that refuses nobody until it is full is
kept full by those who are in it, who ask again as soon as they are served, while who was refused
finds no place however often they come.

Only what can be drawn may join (`Model.check`): what goes wrong then, such as a damaged checkpoint,
is told to all who asked for pictures of that model, and to nobody else.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dcgan.latents.spec import PictureSpec
from dcgan.rendering.engine import Engine

WORKER_THREADS = 2
"""Batches at a time."""
MAX_SINGLE_PER_BATCH = 8
"""Pictures of the first lane in a batch, and"""
MAX_SHEET_PER_BATCH = 4
"""of the second; more where the other lane leaves places free. A larger batch is no cheaper for
each of its pictures, and all of them wait for its end."""
MAX_SINGLE_WAITING = 512
MAX_SHEET_WAITING = 4096
NEVER_REJECT_SHARE = 0.5
"""Of a lane: so much of it is filled before anybody is refused."""


class QueueFullError(Exception):
    """Too much waits already; the message is a sentence."""


class MicroBatcher:
    """Draws with an engine, for the coroutines of one event loop."""

    def __init__(
        self,
        engine: Engine,
        drawers: int = WORKER_THREADS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """chance: gives a number from 0 to 1 for each who comes; the lower, the sooner refused."""
        self._engine = engine
        self._threads, self._idle = ThreadPoolExecutor(drawers, "draw"), drawers
        self._singles, self._sheets = (
            _BoundedQueue(MAX_SINGLE_WAITING, chance),
            _BoundedQueue(MAX_SHEET_WAITING, chance),
        )

    def render_one(self, spec: PictureSpec) -> asyncio.Future[np.ndarray]:
        """(H, W, 3) uint8 of a checked spec, unless it is cancelled. Raises QueueFullError."""
        [place] = self._singles.join([spec])
        self._start_batch()
        return place

    def render_sheet(self, specs: Sequence[PictureSpec]) -> asyncio.Future[list[np.ndarray]]:
        """The same for those of a sheet."""
        places = self._sheets.join(specs)
        self._start_batch()
        return asyncio.gather(*places)

    def _start_batch(self) -> None:
        """By an idle thread; where none is, the first that has drawn its batch comes here again."""
        if not self._idle:
            return
        few = MAX_SINGLE_PER_BATCH + MAX_SHEET_PER_BATCH
        batch = self._singles.take(max(MAX_SINGLE_PER_BATCH, few - len(self._sheets)))
        batch |= self._sheets.take(few - len(batch))
        if not batch:
            return
        self._idle -= 1
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._threads, self._render_batch, list(batch.values()))
        job.add_done_callback(lambda job: self._deliver(list(batch), job.result()))

    def _deliver(self, places: list[_Ticket], drawn: list[np.ndarray | Exception]) -> None:
        for place, picture in zip(places, drawn, strict=True):
            if place.done():  # cancelled while it was drawn
                continue
            if isinstance(picture, Exception):
                place.set_exception(picture)
            else:
                place.set_result(picture)
        self._idle += 1
        self._start_batch()

    def _render_batch(self, specs: list[PictureSpec]) -> list[np.ndarray | Exception]:
        """In a thread: a picture for each, or what went wrong with those of its model."""
        drawn: dict[int, np.ndarray | Exception] = {}
        for name in {spec.model for spec in specs}:
            rows = [row for row, spec in enumerate(specs) if spec.model == name]
            try:
                pictures = self._engine.render([specs[row] for row in rows])
            except Exception as error:
                drawn |= dict.fromkeys(rows, error)
            else:
                drawn |= zip(rows, pictures, strict=True)
        return [drawn[row] for row in range(len(specs))]


_Ticket = asyncio.Future[np.ndarray]


class _BoundedQueue:
    """Who waits for what, in the order of their coming."""

    def __init__(self, most: int, chance: Callable[[], float]) -> None:
        self._most, self._chance = most, chance
        self._waiting: dict[_Ticket, PictureSpec] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, specs: Sequence[PictureSpec]) -> list[_Ticket]:
        """A place for each, or for none of them."""
        calm = NEVER_REJECT_SHARE * self._most
        crowded = (len(self) - calm) / (self._most - calm)
        if len(self) + len(specs) > self._most or self._chance() < crowded:
            raise QueueFullError(
                "Many people are drawing here just now; yours comes as soon as there is room."
            )
        loop = asyncio.get_running_loop()
        places = [loop.create_future() for _ in specs]
        self._waiting.update(zip(places, specs, strict=True))
        for place in places:
            place.add_done_callback(self._leave)
        return places

    def take(self, count: int) -> dict[_Ticket, PictureSpec]:
        """The first that still wait, at most `count`."""
        still = (place for place in self._waiting if not place.done())
        return {place: self._waiting.pop(place) for place in list(itertools.islice(still, count))}

    def _leave(self, place: _Ticket) -> None:
        """At once where it is cancelled: it makes room."""
        self._waiting.pop(place, None)
