"""Concurrent requests for images are micro-batched.

Worker threads render one batch each. Requests that arrive meanwhile wait in a queue, first come
first served, and form the next batch: a single visitor waits for nobody, and many share forward
passes. The images of sheets wait in a second queue, of which each batch takes a few, so that a
sheet of 128 delays an image that is being dragged by a few images at most, and is itself rendered
however many visitors drag.

Both queues are bounded. Above half of its length a queue rejects at random, with a probability that
grows with its length (random early detection: Floyd and Jacobson 1993). A queue that rejects only
when it is full stays full of the clients that are in it, which ask again as soon as they are
served; a client that was rejected then never finds a place.

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
"""Batches that are rendered at a time."""
MAX_SINGLE_PER_BATCH = 8
"""Single images in a batch; more where sheets leave places free. A larger batch is no cheaper per
image, and each of its images waits for all."""
MAX_SHEET_PER_BATCH = 4
"""Images of sheets in a batch; more where single images leave places free."""
MAX_SINGLE_WAITING = 512
"""Length of the queue of single images."""
MAX_SHEET_WAITING = 4096
"""Length of the queue of images of sheets."""
NEVER_REJECT_SHARE = 0.5
"""Share of a queue that is filled before any request is rejected."""


class QueueFullError(Exception):
    """A request was rejected; the message is a sentence."""


class MicroBatcher:
    """Renders for the coroutines of one event loop."""

    def __init__(
        self, workers: int = WORKER_THREADS, chance: Callable[[], float] = random.random
    ) -> None:
        """chance: a number in [0, 1) for each request; the lower, the sooner it is rejected."""
        self._threads, self._idle = ThreadPoolExecutor(workers, "render"), workers
        self._singles, self._sheets = (
            _BoundedQueue(MAX_SINGLE_WAITING, chance),
            _BoundedQueue(MAX_SHEET_WAITING, chance),
        )

    def render_one(self, inputs: RenderInputs) -> asyncio.Future[np.ndarray]:
        """(H, W, 3) uint8, unless it is cancelled. Raises QueueFullError."""
        [place] = self._singles.join([inputs])
        self._start_batch()
        return place

    def render_sheet(self, inputs: Sequence[RenderInputs]) -> asyncio.Future[list[np.ndarray]]:
        """(H, W, 3) uint8 for each, unless it is cancelled. Raises QueueFullError."""
        places = self._sheets.join(inputs)
        self._start_batch()
        return asyncio.gather(*places)

    def _start_batch(self) -> None:
        """In an idle thread; where none is, the first that becomes idle starts the next batch."""
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

    def _render_batch(self, inputs: list[RenderInputs]) -> list[np.ndarray | Exception]:
        """In a thread: an image for each, or the error of its model."""
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
    """Requests in the order of their arrival."""

    def __init__(self, most: int, chance: Callable[[], float]) -> None:
        self._most, self._chance = most, chance
        self._waiting: dict[_Ticket, RenderInputs] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, inputs: Sequence[RenderInputs]) -> list[_Ticket]:
        """A place for each, or QueueFullError for all of them."""
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
        """Remove the first that still wait, at most `count`."""
        still = (place for place in self._waiting if not place.done())
        return {place: self._waiting.pop(place) for place in list(itertools.islice(still, count))}

    def _leave(self, place: _Ticket) -> None:
        """A request that is cancelled makes room at once."""
        self._waiting.pop(place, None)
