"""Uploads that would take gigabytes to decode, at once, to a real server."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from dcgan.paths import REPOSITORY
from tests import page_process, tiny
from tests.media.test_uploads import encoded, halves, sides

MORE = 300 * 2**20


def peak(address: str) -> int:
    """The largest resident size of the server so far, in bytes."""
    port = address.rpartition(":")[2].encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"--port" in words and words[words.index(b"--port") + 1] == port:
                status = (process / "status").read_text()
                return int(status.split("VmHWM:")[1].split()[0]) * 1024
        except OSError:  # it has ended meanwhile
            continue
    raise AssertionError(f"no server at {address}")


def test_ten_giants_at_once_take_no_memory(tmp_path: Path) -> None:
    tiny.save(tmp_path / "weights" / "tiny")
    command = [sys.executable, "-m", "dcgan", "page", tmp_path / "weights"]
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    giant, small = sides(1, 39_000_000), encoded(halves())
    deep = encoded(Image.new("RGBA", (6000, 6000), (9, 9, 9, 200)))
    with page_process.serve(command, tmp_path, variables) as address:
        look = f"{address}/dcgan/look?model=tiny"

        def give(content: bytes) -> tuple[int, bytes]:
            return page_process.ask(look, content)

        assert give(small)[0] == 200
        before = peak(address)
        with ThreadPoolExecutor(12) as threads:
            refused = [threads.submit(give, giant) for _ in range(10)]
            read = threads.submit(give, small)
            for job in refused:
                status, answer = job.result()
                assert status == 413
                assert b"12,000 along a side: give a smaller copy" in answer
            assert read.result()[0] == 200
        assert peak(address) - before < MORE / 10  # by the header: nothing is decoded
        with ThreadPoolExecutor(4) as threads:
            assert {job.result()[0] for job in [threads.submit(give, deep) for _ in range(4)]} == {
                200
            }
        assert peak(address) - before < MORE
