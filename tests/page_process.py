"""The page in a process of its own, as people start it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 120
"""Seconds until it has to answer, on a busy machine."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serve(command: Sequence[object], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address of a page once it answers; `--port` is added to the command."""
    port = free_port()
    log = folder / f"page-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command), "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while not answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the page did not start:\n{log.read_text()}")
            time.sleep(0.2)
        yield address
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(30)
    assert "Traceback" not in log.read_text()


def answers(address: str) -> bool:
    try:
        return ask(address)[0] == 200
    except OSError:
        return False


def ask(address: str, body: bytes | None = None) -> tuple[int, bytes]:
    """The status and the content; a body is posted."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body), timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def last_line(content: bytes) -> Any:
    """The result of an answer in lines of JSON."""
    return json.loads(content.splitlines()[-1])
