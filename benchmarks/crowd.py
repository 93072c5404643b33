"""Throughput with many concurrent clients, compared with gr.Slider.change into gr.Image.

    python -m benchmarks.crowd [--seconds 10] [--rounds 2] [--json FILE]      about 1.5 minutes

Our server is measured by GET /dcgan/pixels, the baseline (gr.Slider.change -> gr.Image with the
same engine and model) by the requests of its page: queue, event stream, file. Each server has its
own process and the clients share another; ours and the baseline take turns. A client requests the
next image, with a new spec, as soon as it has the previous one. Then 200 clients use our server,
and 400, which exceeds its queue: rejected clients wait for Retry-After plus up to a second of
jitter, like the page. Memory is the resident memory of the server's process (VmRSS).
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
import typer

from benchmarks import Figure, machine, memory
from benchmarks.connection import Connection
from dcgan.rendering.engine import Engine, discover_checkpoints

CLIENTS, MANY, TOO_MANY = 32, 200, 400
MODEL = "faces"
REACH = 3


@dataclass
class Client:
    """Statistics of a client. waits: seconds from each request to its image."""

    waits: list[float] = field(default_factory=list)
    refused: int = 0
    errors: int = 0


Question = Callable[[Connection, float, Client], Awaitable[int]]
"""Function that requests the image of an amount and returns the HTTP status."""


def main(
    seconds: Annotated[float, typer.Option(help="Duration of each measurement.", min=1)] = 10,
    rounds: Annotated[int, typer.Option(help="Number of turns of each server.", min=1)] = 2,
    file: Annotated[Path | None, typer.Option("--json", help="JSON file for the figures.")] = None,
) -> None:
    """Compare throughput and latency of many clients with the stock slider's."""
    mine: list[Client] = []
    theirs: list[Client] = []
    with serving("ours") as (url, process), serving("stock") as (stock_url, _):
        text = first_text(url)
        drag, wire = ours(text), stock()
        asyncio.run(crowd(url, CLIENTS, 1, drag))  # opens the model
        asyncio.run(crowd(stock_url, CLIENTS, 1, wire))
        for _ in range(rounds):
            mine += asyncio.run(crowd(url, CLIENTS, seconds, drag))
            theirs += asyncio.run(crowd(stock_url, CLIENTS, seconds, wire))
        asyncio.run(crowd(url, MANY, 2, drag))  # opens the connections
        before = memory(process)
        many = asyncio.run(crowd(url, MANY, seconds, drag))
        after = memory(process)
        too_many = asyncio.run(crowd(url, TOO_MANY, seconds, drag))
        last = memory(process)
    total = rounds * seconds
    figures = [
        Figure("crowd", rate(mine, total), "pictures/s", "higher", rate(theirs, total)),
        Figure("crowd p95", slowest(mine), "ms", "lower", slowest(theirs)),
    ]
    for figure in figures:
        print(figure)
    print(f"of {CLIENTS} clients: {trouble(mine)}; the peer's: {trouble(theirs)}")
    for clients, held in ((many, (before, after)), (too_many, (after, last))):
        counts = [len(client.waits) for client in clients]
        print(
            f"{len(clients)} clients: {rate(clients, seconds)} pictures/s, p95 "
            f"{slowest(clients)} ms, busiest {max(counts)}, least served {min(counts)} "
            f"({max(counts) / max(min(counts), 1):.2f} times), {trouble(clients)}, "
            f"memory {held[0]:.0f} -> {held[1]:.0f} MB"
        )
    print(machine())
    if file:
        file.write_text(json.dumps([figure.as_dict() for figure in figures], indent=2) + "\n")


def rate(clients: list[Client], seconds: float) -> float:
    """Return the images per second of all clients together."""
    return round(sum(len(client.waits) for client in clients) / seconds, 1)


def slowest(clients: list[Client]) -> float:
    """Return the 95th percentile of the latency in milliseconds."""
    waits = np.concatenate([client.waits for client in clients])
    return round(1000 * float(np.percentile(waits, 95)), 1)


def trouble(clients: list[Client]) -> str:
    """Return the numbers of rejected requests and of errors."""
    refused = sum(client.refused for client in clients)
    return f"{refused} refused, {sum(client.errors for client in clients)} errors"


async def crowd(url: str, count: int, seconds: float, question: Question) -> list[Client]:
    """Run `count` concurrent clients for a number of seconds."""
    end = time.perf_counter() + seconds

    async def drag(number: int) -> Client:
        client, hand = Client(), random.Random(number)
        connection = Connection(url)
        while (start := time.perf_counter()) < end:
            amount = round(hand.uniform(-REACH, REACH), 6)
            status = await question(connection, amount, client)
            if status == 200:
                client.waits.append(time.perf_counter() - start)
            elif status != 429:
                client.errors += 1
        connection.close()
        return client

    return list(await asyncio.gather(*(drag(number) for number in range(count))))


def ours(text: str) -> Question:
    """Return the request of our page. text: a spec up to its z."""

    async def ask(connection: Connection, amount: float, client: Client) -> int:
        spec = quote(f"{text}move(pc1,{amount:.6f},z(1,0))")
        answer = await connection.get(f"/dcgan/pixels?spec={spec}")
        if answer.status == 429:
            client.refused += 1
            await asyncio.sleep(int(answer.headers["retry-after"]) + random.random())
        return answer.status

    return ask


def stock() -> Question:
    """Return the requests of the baseline's page; the slider's event has number 0."""
    beside: dict[Connection, tuple[Connection, str]] = {}

    async def ask(connection: Connection, amount: float, client: Client) -> int:
        if connection not in beside:
            beside[connection] = connection.beside(), f"{random.getrandbits(60):x}"
        events, session = beside[connection]
        asked = {"data": [amount], "fn_index": 0, "session_hash": session}
        joined = await connection.post("/gradio_api/queue/join", json.dumps(asked).encode())
        if joined.status != 200:
            return joined.status
        status = 500
        async for part in events.stream(f"/gradio_api/queue/data?session_hash={session}"):
            for line in part.decode().splitlines():
                said = json.loads(line.removeprefix("data: ")) if line else {}
                if said.get("msg") == "process_completed" and said["success"]:
                    path = said["output"]["data"][0]["path"]
                    status = (await connection.get(f"/gradio_api/file={quote(path)}")).status
        return status

    return ask


def first_text(url: str) -> str:
    """Return the beginning of a spec, up to its z."""

    async def models() -> list[dict[str, Any]]:
        connection = Connection(url)
        answer = await connection.get("/dcgan/models")
        connection.close()
        return json.loads(answer.content)

    facts = next(facts for facts in asyncio.run(models()) if facts["name"] == MODEL)
    return f"v1:{MODEL}@{facts['weights']}:"


@contextmanager
def serving(name: str) -> Iterator[tuple[str, int]]:
    """Run a server in its own process; yield its address and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(name, port), daemon=True)
    process.start()
    assert process.pid
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            if time.monotonic() > deadline or not process.is_alive():
                sys.exit(f"The server {name} did not start.")
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}", process.pid
    process.terminate()
    process.join()


def serve(name: str, port: int) -> None:
    """Serve our page or the baseline; runs in the server's process."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from benchmarks import drag
    from dcgan.ui.page import build, launch_options, warm

    found = discover_checkpoints(Path("weights"))
    engine = Engine({MODEL: found[MODEL]})
    options: dict[str, Any] = {"quiet": True, "server_name": "127.0.0.1", "server_port": port}
    if name == "ours":
        demo = build(engine)
        warm(engine)
        demo.launch(**options, **launch_options(engine))
    else:
        drag.stock(engine).launch(**options, ssr_mode=False)


if __name__ == "__main__":
    typer.run(main)
