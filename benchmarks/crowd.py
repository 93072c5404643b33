"""Many people who drag at once, beside the stock way to wire a slider to a picture in Gradio.

    python -m benchmarks.crowd [--seconds 10] [--rounds 2] [--json FILE]      about 1.5 minutes

Ours is GET /dcgan/pixels; the peer is gr.Slider.change -> gr.Image over the same engine and model,
asked as its page asks: the queue, its event stream, the file. Each server is a process of its own,
and the clients are another; ours and the peer take turns. A client asks for the next picture as
soon as it has the last, always for another text. Then 200 clients share ours, and 400 are more
than it lets wait: those that are refused wait as long as they are told, and a random part of a
second more, like the page. Memory is what the server's process holds (VmRSS).
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
    """One that drags; `waits` are the seconds from a question to its picture."""

    waits: list[float] = field(default_factory=list)
    refused: int = 0
    errors: int = 0


Question = Callable[[Connection, float, Client], Awaitable[int]]
"""Asks for the picture of an amount; gives the status."""


def main(
    seconds: Annotated[float, typer.Option(help="That each crowd drags.", min=1)] = 10,
    rounds: Annotated[int, typer.Option(help="Turns that each of the two takes.", min=1)] = 2,
    file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Compare a crowd's pictures with the stock slider's."""
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
    """Pictures a second, of all."""
    return round(sum(len(client.waits) for client in clients) / seconds, 1)


def slowest(clients: list[Client]) -> float:
    """95 of 100 pictures come in as many milliseconds."""
    waits = np.concatenate([client.waits for client in clients])
    return round(1000 * float(np.percentile(waits, 95)), 1)


def trouble(clients: list[Client]) -> str:
    refused = sum(client.refused for client in clients)
    return f"{refused} refused, {sum(client.errors for client in clients)} errors"


async def crowd(url: str, count: int, seconds: float, question: Question) -> list[Client]:
    """So many clients, each of which drags for so long."""
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
    """text: a picture's, up to its z."""

    async def ask(connection: Connection, amount: float, client: Client) -> int:
        spec = quote(f"{text}move(pc1,{amount:.6f},z(1,0))")
        answer = await connection.get(f"/dcgan/pixels?spec={spec}")
        if answer.status == 429:
            client.refused += 1
            await asyncio.sleep(int(answer.headers["retry-after"]) + random.random())
        return answer.status

    return ask


def stock() -> Question:
    """What the page of `serve_stock` sends: the first of its events is the slider's."""
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
    """A picture's text up to its z."""

    async def models() -> list[dict[str, Any]]:
        connection = Connection(url)
        answer = await connection.get("/dcgan/models")
        connection.close()
        return json.loads(answer.content)

    facts = next(facts for facts in asyncio.run(models()) if facts["name"] == MODEL)
    return f"v1:{MODEL}@{facts['weights']}:"


@contextmanager
def serving(name: str) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its address, and the process's number."""
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
    """In the server's process."""
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
