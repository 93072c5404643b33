"""Time from `python app.py` to the first painted image, compared with the import of gradio alone.

    python -m benchmarks.start [--rounds 5] [--json FILE]      about 1 minute

A running headless Chromium visits the page as soon as its port accepts connections. The baseline is
a process that only imports gradio; both take turns. Memory is the resident memory of the server's
process with all shipped checkpoints, before the first visit, compared with that of the process that
has only imported gradio.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Request, sync_playwright

from benchmarks import Figure, chromium, machine, memory

ALONE = """
import gradio
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")][0])
"""


def main(
    rounds: Annotated[int, typer.Option(help="Number of turns of each.", min=1)] = 5,
    file: Annotated[Path | None, typer.Option("--json", help="JSON file for the figures.")] = None,
) -> None:
    """Compare the start of the page with the import of gradio."""
    ours: list[float] = []
    visits: list[float] = []
    idle: list[float] = []
    peer: list[float] = []
    base: list[float] = []
    takes: list[float] = []
    sizes: dict[str, int] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.EXECUTABLE, args=chromium.FLAGS
        )
        for _ in range(rounds):
            begun = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", ALONE], capture_output=True, text=True, check=True
            )
            peer.append(time.perf_counter() - begun)
            base.append(int(done.stdout) / 1024)
            begun = time.perf_counter()
            with app() as (address, process):
                visit = time.perf_counter()
                paint(browser, address)
                ours.append(time.perf_counter() - begun)
                visits.append(time.perf_counter() - visit)
            with app() as (address, process):
                time.sleep(3)  # wait until the warm-up is done
                idle.append(memory(process.pid))
                taken, sizes = take_over(browser, address)
                takes.append(taken)
        browser.close()
    bound = 1.5 * statistics.median(peer) + 1
    print(f"at most 1.5 times the import and 1 s were asked for: {bound:.1f} s")
    print(f"from opening the page to the picture: {statistics.median(visits):.2f} s")
    print(f"until a browser draws by itself: {statistics.median(takes):.2f} s, having fetched")
    for name, size in sizes.items():
        print(f"    {size / 1e6:6.2f} MB of {name}")

    def figure(name: str, mine: list[float], unit: str, theirs: list[float], digits: int) -> Figure:
        values = (round(statistics.median(side), digits) for side in (mine, theirs))
        return Figure(name, next(values), unit, "lower", next(values))

    figures = [
        figure("start to first picture", ours, "s", peer, 2),
        figure("idle memory", idle, "MB", base, 0),
    ]
    for found in figures:
        print(found)
    print(machine())
    if file:
        file.write_text(json.dumps([found.as_dict() for found in figures], indent=2) + "\n")


@contextmanager
def app() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the page in its own process; yield as soon as its port accepts connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1"}
    process = subprocess.Popen(
        [sys.executable, "app.py"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while True:
            with closing(socket.socket()) as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise RuntimeError(f"app.py ended with {process.returncode}")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.terminate()
        process.wait()


def paint(browser: Browser, address: str) -> None:
    """Open the page as a new visitor and wait for the first image."""
    page = browser.new_page()
    page.goto(address, wait_until="commit")
    page.wait_for_selector("[data-painted]")
    page.close()


def take_over(browser: Browser, address: str) -> tuple[float, dict[str, int]]:
    """Return the seconds until a new visitor's browser renders, and downloaded bytes by kind."""
    page = browser.new_page()
    page.add_init_script("localStorage.setItem('dcgan.drawing', '\"browser\"')")
    sizes = {"onnxruntime-web": 0, "the generator": 0, "the page": 0}

    def add(request: Request) -> None:
        parts = {"/runtime/": "onnxruntime-web", "/generators/": "the generator"}
        name = next((n for part, n in parts.items() if part in request.url), "the page")
        sizes[name] += request.sizes()["responseBodySize"]

    page.on("requestfinished", add)
    begun = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_selector("[data-role=way][data-here=true]")
    taken = time.perf_counter() - begun
    page.close()
    return taken, sizes


if __name__ == "__main__":
    typer.run(main)
