"""Answers that take seconds, in lines of JSON: how much is done, again and again, and the result.

    {"done": 0.25}
    {"done": 0.3, "seen": ...}      where there is something to see on the way (`work.Sketch`)
    {"result": ...}

What is wrong with a request is said before the first line, with its status. One thread takes the
steps of all such work, one of each in turn: pictures are drawn beside it, and nobody waits for the
whole of another's. When whoever asked goes away, no further step is taken.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.responses import Response, StreamingResponse

from dcgan.tasks import Progress, Work

T = TypeVar("T")

_task_thread = ThreadPoolExecutor(1, "slow")


@dataclass(frozen=True)
class _Result(Generic[T]):
    value: T


async def stream_answer(work: Work[Any]) -> Response:
    """Lines for a browser, which stops the work by closing the connection."""
    steps = _steps(work)
    first = await anext(steps)

    async def lines() -> AsyncGenerator[str, None]:
        yield _encode_line(first)
        async for step in steps:
            yield _encode_line(step)

    # a proxy that collects what passes through it would hide how far the work is
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)


async def await_result(work: Work[T], tell: Callable[[float], object]) -> T:
    """The result; `tell` is called with the fractions. A cancelled task stops the work."""
    async for step in _steps(work):
        if isinstance(step, _Result):
            return step.value
        tell(step)
    raise AssertionError("work ends with its result")


async def _steps(work: Work[T]) -> AsyncGenerator[float | _Result[T], None]:
    while True:
        step = await asyncio.get_running_loop().run_in_executor(_task_thread, _step, work)
        yield step
        if isinstance(step, _Result):
            return


def _step(work: Work[T]) -> float | _Result[T]:
    try:
        return next(work)
    except StopIteration as end:
        return _Result(end.value)


def _encode_line(step: float | _Result[Any]) -> str:
    said = {"result": step.value} if isinstance(step, _Result) else {"done": round(step, 3)}
    if isinstance(step, Progress):
        said["seen"] = step.preview
    return json.dumps(said) + "\n"
