"""Uploads that would take gigabytes to decode, at once, to a real server."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from dcgan.analysis import inversion, saliency
from dcgan.media import uploads
from dcgan.paths import REPOSITORY
from dcgan.rendering.engine import Engine
from dcgan.ui.routes import discriminator, photo
from tests import loops, page_process, tiny
from tests.media.test_uploads import encoded, halves, sides

ROUTES = "/dcgan/probe?model=tiny", "/dcgan/look?model=tiny", "/dcgan/project?model=tiny"
GIANTS_MORE = 300 * 2**20
DECODERS_MORE = uploads.MAX_DECODERS * 4 * uploads.MAX_PIXELS + 128 * 2**20
"""What all decoders hold at once, 4 bytes a pixel, and the strips and files beside."""


def server(address: str) -> Path:
    """The folder in /proc of the process that listens there."""
    port = address.rpartition(":")[2].encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        if b"--port" in words and words[words.index(b"--port") + 1] == port:
            return process
    raise AssertionError(f"no server at {address}")


def peak(process: Path) -> int:
    """The largest resident size since `start_peak`, in bytes."""
    return int((process / "status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def start_peak(process: Path) -> int:
    """Forget the peak so far; the size that is left, in bytes."""
    (process / "clear_refs").write_text("5")
    return peak(process)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server, which has read the weights."""
    folder = tmp_path_factory.mktemp("page")
    tiny.save(folder / "weights" / "tiny")
    command = [sys.executable, "-m", "dcgan", "page", folder / "weights"]
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with page_process.serve(command, folder, variables) as address:
        for route in ROUTES:
            assert page_process.ask(address + route, encoded(halves()))[0] == 200
        yield address


@pytest.mark.parametrize("route", ROUTES)
def test_ten_giants_at_once_take_no_memory(page: str, route: str) -> None:
    giant = sides(1, 39_000_000)
    photograph = encoded(halves().resize((6000, 4000)), "JPEG")
    process = server(page)
    before = start_peak(process)
    with ThreadPoolExecutor(12) as threads:
        refused = [threads.submit(page_process.ask, page + route, giant) for _ in range(10)]
        read = threads.submit(page_process.ask, page + route, photograph)
        for job in refused:
            status, answer = job.result()
            assert status == 413
            assert b"12,000 along a side: give a smaller copy" in answer
        assert read.result()[0] == 200
    assert peak(process) - before < GIANTS_MORE


@pytest.mark.parametrize("route", ROUTES)
def test_large_ones_at_once_take_what_two_decoders_hold(page: str, route: str) -> None:
    deep = cv2.imencode(".png", np.full((6300, 6300, 4), 40_000, np.uint16))[1].tobytes()
    process = server(page)
    before = start_peak(process)
    with ThreadPoolExecutor(4) as threads:
        reading = [threads.submit(page_process.ask, page + route, deep) for _ in range(4)]
        assert {job.result()[0] for job in reading} == {200}
    assert peak(process) - before < DECODERS_MORE


@pytest.mark.parametrize("route", ROUTES)
def test_one_more_than_may_wait_is_busy_and_the_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    tiny.save(tmp_path / "tiny")
    engine = Engine({"tiny": tmp_path / "tiny"})
    app = Starlette(routes=[*discriminator.routes(engine), *photo.routes(engine)])
    decode, go = uploads._to_8_bit, threading.Event()
    monkeypatch.setattr(saliency, "SURVEY_SAMPLES", 30)
    monkeypatch.setattr(inversion, "START_SAMPLES", 64)
    monkeypatch.setattr(inversion, "STEPS", 5)

    def held(*arguments: Any) -> Any:
        assert go.wait(60)
        return decode(*arguments)

    monkeypatch.setattr(uploads, "_to_8_bit", held)
    content = encoded(halves())

    async def scene() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            count = uploads.MAX_DECODERS + uploads.MAX_WAITING
            posts = [client.post(route, content=content) for _ in range(count)]
            taken = [asyncio.ensure_future(post) for post in posts]
            async with asyncio.timeout(20):
                while uploads._decoders._waiting < uploads.MAX_WAITING:
                    await asyncio.sleep(0.01)
                busy = await client.post(route, content=content)
                assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
                assert "Many pictures are being read" in busy.json()["error"]
                spec = str(engine.model("tiny").sample(1))
                drawn = await client.get("/dcgan/look", params={"spec": spec})
                assert drawn.status_code == 200  # work that needs no decoder does not wait
            go.set()
            assert {one.status_code for one in await asyncio.gather(*taken)} == {200}

    try:
        loops.run(scene())
    finally:
        go.set()
