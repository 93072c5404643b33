"""Background tasks whose progress and result are streamed as lines of JSON.

    {"done": 0.25}
    {"done": 0.3, "seen": ...}      with a preview, if the task yields `tasks.Progress`
    {"result": ...}

Errors in a request are raised before the first line and get their own status. A single thread runs
the steps of all tasks in turn, so that rendering continues beside them and no task blocks another.
A task is stopped when its client disconnects.
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
    """Return a streaming response of a task; closing the connection stops the task."""
    steps = _steps(work)
    first = await anext(steps)

    async def lines() -> AsyncGenerator[str, None]:
        yield _encode_line(first)
        async for step in steps:
            yield _encode_line(step)

    # X-Accel-Buffering: a buffering proxy would delay the progress
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)


async def await_result(work: Work[T], tell: Callable[[float], object]) -> T:
    """Run a task and return its result. tell: called with each fraction.

    Cancelling the coroutine stops the task.
    """
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
