"""Micro-batching of concurrent requests for images.

Each worker thread renders one batch at a time. Requests that arrive meanwhile wait in a FIFO queue
and form the next batch, so that a single client never waits and many clients share forward passes.
The images of sheets have their own queue, from which each batch takes a few: a sheet of 128 delays
single images only slightly, and sheets make progress under any load of single images.

Both queues are bounded. When it is more than half full, a queue rejects requests at random with a
probability that grows with its length (random early detection, Floyd and Jacobson 1993). A queue
that rejects only when full would stay occupied by the same clients, which send their next request
as soon as one is served, and rejected clients would starve.

Requests are resolved (`Model.resolve`) before they are queued. An error at rendering, such as a
damaged checkpoint, reaches the requests for that model and no others.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dcgan.rendering.engine import RenderInputs

WORKER_THREADS = 2
"""Number of batches rendered at the same time."""
MAX_SINGLE_PER_BATCH = 8
"""Single images per batch, or more if sheets leave room.

A larger batch is no cheaper per image and makes each of its images wait for all others.
"""
MAX_SHEET_PER_BATCH = 4
"""Images of sheets per batch, or more if single images leave room."""
MAX_SINGLE_WAITING = 512
"""Capacity of the queue of single images."""
MAX_SHEET_WAITING = 4096
"""Capacity of the queue of images of sheets."""
NEVER_REJECT_SHARE = 0.5
"""Share of a queue's capacity up to which no request is rejected."""


class QueueFullError(Exception):
    """A request was rejected; the message is a sentence for the client."""


class MicroBatcher:
    """Renders images in batches for the coroutines of one event loop."""

    def __init__(
        self, workers: int = WORKER_THREADS, chance: Callable[[], float] = random.random
    ) -> None:
        """workers: number of threads. chance: returns a uniform random number in [0, 1)."""
        self._threads, self._idle = ThreadPoolExecutor(workers, "render"), workers
        self._singles, self._sheets = (
            _BoundedQueue(MAX_SINGLE_WAITING, chance),
            _BoundedQueue(MAX_SHEET_WAITING, chance),
        )

    def render_one(self, inputs: RenderInputs) -> asyncio.Future[np.ndarray]:
        """Queue an image; the future yields it as (H, W, 3) uint8. Raises QueueFullError."""
        [place] = self._singles.join([inputs])
        self._start_batch()
        return place

    def render_sheet(self, inputs: Sequence[RenderInputs]) -> asyncio.Future[list[np.ndarray]]:
        """Queue images; the future yields a list of (H, W, 3) uint8. Raises QueueFullError."""
        places = self._sheets.join(inputs)
        self._start_batch()
        return asyncio.gather(*places)

    def _start_batch(self) -> None:
        """Start a batch if a thread is idle; otherwise `_deliver` starts one when a thread is."""
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
            if place.done():  # cancelled during rendering
                continue
            if isinstance(picture, Exception):
                place.set_exception(picture)
            else:
                place.set_result(picture)
        self._idle += 1
        self._start_batch()

    def _render_batch(self, inputs: list[RenderInputs]) -> list[np.ndarray | Exception]:
        """Render a batch, in a worker thread; return an image or an exception for each request."""
        drawn: dict[int, np.ndarray | Exception] = {}
        for model in {one.model for one in inputs}:
            rows = [row for row, one in enumerate(inputs) if one.model is model]
            try:
                pictures = model.render_resolved([inputs[row] for row in rows])
            except Exception as error:
                drawn |= dict.fromkeys(rows, error)
            else:
                drawn |= zip(rows, pictures, strict=True)
        return [drawn[row] for row in range(len(inputs))]


_Ticket = asyncio.Future[np.ndarray]


class _BoundedQueue:
    """Bounded FIFO queue of requests with random early detection."""

    def __init__(self, most: int, chance: Callable[[], float]) -> None:
        self._most, self._chance = most, chance
        self._waiting: dict[_Ticket, RenderInputs] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, inputs: Sequence[RenderInputs]) -> list[_Ticket]:
        """Queue all inputs and return their futures, or raise QueueFullError and queue none."""
        threshold = NEVER_REJECT_SHARE * self._most
        probability = (len(self) - threshold) / (self._most - threshold)
        if len(self) + len(inputs) > self._most or self._chance() < probability:
            raise QueueFullError(
                "Many people are drawing here just now; yours comes as soon as there is room."
            )
        loop = asyncio.get_running_loop()
        places = [loop.create_future() for _ in inputs]
        self._waiting.update(zip(places, inputs, strict=True))
        for place in places:
            place.add_done_callback(self._leave)
        return places

    def take(self, count: int) -> dict[_Ticket, RenderInputs]:
        """Remove and return the first `count` requests that are still waiting."""
        still = (place for place in self._waiting if not place.done())
        return {place: self._waiting.pop(place) for place in list(itertools.islice(still, count))}

    def _leave(self, place: _Ticket) -> None:
        """Remove a request that was cancelled, which frees its place at once."""
        self._waiting.pop(place, None)
