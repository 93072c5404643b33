"""Sixteen clients that do everything for a while, cut connections and send rubbish.

    python -m tests.soak [--seconds 1800] [--weights weights]

What must come of it: nothing but answers and 4xx, an untroubled log, and afterwards as much memory,
as many threads, open files and temporary files as when everybody had done everything for a while.
Rubbish goes to our own routes and, by gradio_client, to the API; malformed messages to Gradio's
queue itself are Gradio's affair. The server is a process of its own.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import numpy as np
import typer
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from benchmarks.connection import Answer, Connection
from dcgan.media.video import FORMATS
from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.ui.page import build, launch_options
from tests import loops

ROOT = Path(__file__).parents[1]
CLIENTS = 16
GROWTH = 128  # MB: an allocator's, beside models and surveys of 1,300 MB
SETTLED = 12  # s: idle threads end after 10
TROUBLE = ("Traceback", "ERROR", "Error:", "Exception")


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    megabytes: float
    threads: int
    files: int


@dataclass(frozen=True)
class Found:
    before: Held
    after: Held
    done: Counter[str]  # how often what was done
    failures: list[str]
    log: str
    left: list[str]  # temporary files

    def complaints(self, growth: float = GROWTH) -> list[str]:
        """Empty if all is well; growth: MB that memory may have grown."""
        found = [*self.failures, *(f"left behind: {name}" for name in self.left)]
        found += [f"in the log: {line}" for line in self.log.splitlines() if is_trouble(line)]
        for name, more in (("megabytes", growth), ("threads", 4), ("files", 4)):
            first, last = getattr(self.before, name), getattr(self.after, name)
            if last > first + more:
                found.append(f"{name} grew from {first:.0f} to {last:.0f}")
        return found


def is_trouble(line: str) -> bool:
    return any(word in line for word in TROUBLE)


def soak(weights: Path, seconds: float, warm: float) -> Found:
    """weights: a folder of models; warm: seconds before these, after which nothing may grow."""
    with tempfile.TemporaryDirectory() as name, serving(weights, Path(name)) as (url, server):
        crowd = Crowd(url)
        loops.run(crowd.tour())
        crowd.run(warm)
        before = settled(server.pid)
        crowd.run(seconds)
        after = settled(server.pid)
        folder = Path(name)
        left = [str(path) for path in (folder / "temporary").rglob("*") if path.is_file()]
        log = (folder / "log").read_text()
    return Found(before, after, crowd.done, crowd.failures, log, left)


class Crowd:
    def __init__(self, url: str) -> None:
        self.url = url
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self.models: list[dict[str, Any]] = []

    async def tour(self) -> None:
        """Everything once with each model: what the server then knows it keeps."""
        connection = Connection(self.url)
        self.models = json.loads((await connection.get("/dcgan/models")).content)
        connection.close()
        visitor = Visitor(self, 0)
        for visitor.model in self.models:
            for stage in visitor.model["stages"]:
                await visitor.get("/dcgan/pixels", spec=text(stage, visitor.chance))
            for deed in DEEDS:
                await visitor.does(deed)
            for network in ("generator", "discriminator"):
                query = {"model": visitor.model["name"], "layer": 1, "network": network}
                await visitor.get("/dcgan/exciting", **query)
        visitor.connection.close()

    def run(self, seconds: float) -> None:
        loops.run(self._run(time.monotonic() + seconds))

    async def _run(self, end: float) -> None:
        visitors = [Visitor(self, number).stay(end) for number in range(CLIENTS - 1)]
        await asyncio.gather(asyncio.to_thread(self.program, end), *visitors)

    def program(self, end: float) -> None:
        """One of the clients is a gradio_client."""
        client, chance = Client(self.url, verbose=False), random.Random(0)
        try:
            while time.monotonic() < end:
                name, model = chance.choice(list(CALLS)), chance.choice(self.models)
                try:
                    client.predict(*CALLS[name](text(model, chance), model), api_name=f"/{name}")
                except AppError as error:
                    if not any(words in str(error) for words in REFUSED):
                        self.failures.append(f"gradio_client {name}: {error!r}")
                self.done[f"gradio_client {name}"] += 1
        finally:
            client.close()


REFUSED = (
    "no set of boxes called 'rubbish'",
    "not the text of a picture",
    "told a picture's class",
)
"""What the program below asks for and can't have."""

CALLS: dict[str, Callable[[str, dict[str, Any]], tuple[Any, ...]]] = {
    "models": lambda text, model: (),
    "render": lambda text, model: (text,),
    "sheet": lambda text, model: ([text] * 5, 3),
    "walk": lambda text, model: ([text, text], 0.3, False),
    "film": lambda text, model: ([text] * 4, 0.3, "mp4", 64),
    "shelf": lambda text, model: ([text],),
    "boxes": lambda text, model: (model["name"], "rubbish"),
    "exciting": lambda text, model: (model["name"], 1),
    "activation": lambda text, model: ([text] * 2, 1, 0, 2),
    "look": lambda text, model: (text,),
    "look_at": lambda text, model: (base64.b64encode(photograph()).decode(), model["name"]),
    "features": lambda text, model: (model["name"],),
}


class Visitor:
    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd = crowd
        self.connection = Connection(crowd.url)
        self.chance = random.Random(number + 1)
        self.model = crowd.models[0]

    async def stay(self, end: float) -> None:
        deeds = [deed for deed, often in DEEDS.items() for _ in range(often)]
        while time.monotonic() < end:
            self.model = self.chance.choice(self.crowd.models)
            await self.does(self.chance.choice(deeds))
        self.connection.close()

    async def does(self, deed: Callable[[Visitor], Awaitable[None]]) -> None:
        name = deed.__name__
        try:
            async with asyncio.timeout(120):
                await deed(self)
        except (OSError, EOFError, TimeoutError, AssertionError, ValueError) as error:
            self.crowd.failures.append(f"{name}: {error!r}")
            self.connection.close()
        self.crowd.done[name] += 1

    def text(self) -> str:
        return text(self.model, self.chance)

    def texts(self, most: int) -> list[str]:
        return [self.text() for _ in range(self.chance.randint(1, most))]

    async def get(self, path: str, **query: object) -> Answer:
        return await self._checked(path, self.connection.get(at(path, **query)))

    async def post(self, path: str, body: object, **query: object) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self._checked(path, self.connection.post(at(path, **query), content))

    async def _checked(self, path: str, asking: Awaitable[Answer]) -> Answer:
        answer = await asking
        if answer.status == 429:  # politely
            await asyncio.sleep(int(answer.headers["retry-after"]))
        elif answer.status != 200:
            raise AssertionError(f"{path}: {answer.status} {answer.content[:200]}")
        return answer


# --- what a visitor does


async def drags(visitor: Visitor) -> None:
    """At some stage of the training."""
    model = visitor.chance.choice([visitor.model, *visitor.model["stages"]])
    for _ in range(10):
        answer = await visitor.get("/dcgan/pixels", spec=text(model, visitor.chance))
        assert answer.status == 429 or len(answer.content) == 4 * visitor.model["size"] ** 2


async def opens_the_page(visitor: Visitor) -> None:
    for path in ("/", "/dcgan/models", "/dcgan/web/core/page.js", "/dcgan/probes", "/config"):
        await visitor.get(path)


async def sees_pictures(visitor: Visitor) -> None:
    answer = await visitor.get("/dcgan/picture", spec=visitor.text())
    assert answer.status == 429 or answer.content.startswith(b"\x89PNG")


async def sees_a_sheet(visitor: Visitor) -> None:
    body = {"specs": visitor.texts(64), "columns": visitor.chance.randint(1, 12)}
    await visitor.post("/dcgan/sheet", body)


async def keeps_files(visitor: Visitor) -> None:
    kind = visitor.chance.choice(FORMATS)
    asked = {"seconds": 0.5, "format": kind, "size": 128, "scaling": "bicubic"}
    specs = [visitor.text() for _ in range(8)]
    lasting(await visitor.post("/dcgan/film", {"specs": specs, **asked}))
    lasting(await visitor.post("/dcgan/shelf", {"specs": specs}))


async def paints_boxes(visitor: Visitor) -> None:
    side = visitor.model["size"] / 2
    pictures = [
        {"spec": text(visitor.model, visitor.chance, plain=True), "boxes": [[0, 0, side, side]]}
        for _ in range(3)
    ]
    drawn = {"version": 1, "name": "corner", "layer": 2, "pictures": pictures}
    await visitor.post("/dcgan/boxes", drawn)
    lasting(await visitor.post("/dcgan/units", drawn))
    for name in visitor.model["boxes"]:
        await visitor.get("/dcgan/boxes", model=visitor.model["name"], set=name)


async def sees_what_excites(visitor: Visitor) -> None:
    network = visitor.chance.choice(["generator", "discriminator"])
    query = {"model": visitor.model["name"], "layer": 1, "network": network}
    lasting(await visitor.get("/dcgan/exciting", **query))


async def sees_where_maps_fire(visitor: Visitor) -> None:
    body = {"specs": visitor.texts(16), "columns": 4}
    await visitor.post("/dcgan/activation", body, layer=2, map=1)


async def looks(visitor: Visitor) -> None:
    lasting(await visitor.get("/dcgan/look", spec=visitor.text(), feature=1))
    lasting(await visitor.get("/dcgan/features", model=visitor.model["name"], first=2))


async def looks_at_a_file(visitor: Visitor) -> None:
    query = {"model": visitor.model["name"]}
    if not visitor.model["classes"]:  # its D would have to be told the file's class
        lasting(await visitor.post("/dcgan/look", photograph(), **query, feature=0))
    await visitor.post("/dcgan/probe", photograph(), **query)


async def asks_the_probe(visitor: Visitor) -> None:
    await visitor.get("/dcgan/probe", spec=visitor.text())


async def goes_away(visitor: Visitor) -> None:
    """In the middle of a question, or before its answer."""
    connection, chance = Connection(visitor.crowd.url), visitor.chance
    name, body = visitor.model["name"], json.dumps({"specs": visitor.texts(64)}).encode()
    await chance.choice([
        lambda: connection.send("GET", at("/dcgan/pixels", spec=visitor.text())),
        lambda: connection.send("GET", at("/dcgan/picture", spec=visitor.text())),
        lambda: connection.send("POST", "/dcgan/sheet", body),
        lambda: connection.send("GET", at("/dcgan/exciting", model=name, layer=1)),
        lambda: connection.send("GET", at("/dcgan/look", spec=visitor.text(), feature=0)),
        lambda: connection.write(b"POST /dcgan/sheet HTTP/1.1\r\nHost: x\r\n"
                                 b"Content-Length: 100000\r\n\r\n" + body[:50]),
        lambda: connection.write(b"GET /dcgan/pix"),
    ])()  # fmt: skip
    await asyncio.sleep(chance.choice([0, 0.001, 0.01, 0.1]))
    connection.close()


async def sends_rubbish(visitor: Visitor) -> None:
    chance, name = visitor.chance, visitor.model["name"]
    good = visitor.text()
    at_random, broken = chance.randbytes(chance.randint(1, 5000)), photograph()[:-40]
    long = b'{"specs": [' + b'"' + b"z" * 3_000_000
    method, target, body = chance.choice([
        ("GET", at("/dcgan/pixels", spec=good[: chance.randrange(len(good))]), b""),
        ("GET", at("/dcgan/pixels", spec=good + ":gain(60,0,0)"), b""),
        ("GET", at("/dcgan/pixels", spec=good.replace("@", "@0")), b""),
        ("GET", at("/dcgan/picture", spec=at_random.decode("latin-1")), b""),
        ("GET", "/dcgan/pixels?spec=%ff%fe%00", b""),
        ("GET", "/dcgan/pixels", b""),
        ("GET", at("/dcgan/exciting", model=name, layer="99999"), b""),
        ("GET", at("/dcgan/exciting", model="cats", layer="1"), b""),
        ("GET", at("/dcgan/look", spec=good, feature="x"), b""),
        ("GET", at("/dcgan/results", name="../secrets"), b""),
        ("GET", "/dcgan/web/../../../../etc/passwd", b""),
        ("GET", at("/dcgan/boxes", model=name, set="x" * 5000), b""),
        ("POST", "/dcgan/sheet", at_random),
        ("POST", "/dcgan/sheet", long),
        ("POST", "/dcgan/sheet", b"[" * 50_000),
        ("POST", "/dcgan/sheet", json.dumps({"specs": [good, 5, None]}).encode()),
        ("POST", "/dcgan/sheet", json.dumps({"specs": [good] * 129}).encode()),
        ("POST", "/dcgan/film", json.dumps({"specs": {"a": 1}}).encode()),
        ("POST", "/dcgan/film", b'{"specs": [1, 2], "seconds": NaN}'),
        ("POST", "/dcgan/units", b'{"version": 1, "name": 7, "pictures": [[]]}'),
        ("POST", "/dcgan/units", at_random),
        ("POST", at("/dcgan/activation", layer=1, map=0), at_random),
        ("POST", at("/dcgan/look", model=name, feature=0), at_random),
        ("POST", at("/dcgan/look", model=name, feature=0), broken[:60]),
        ("POST", at("/dcgan/probe", model="cats"), broken),
        ("DELETE", "/dcgan/sheet", b""),
    ])  # fmt: skip
    connection = Connection(visitor.crowd.url)
    answer = await connection.ask(method, target, body, "application/json")
    connection.close()
    assert 400 <= answer.status < 500, f"{target[:200]} {body[:80]}: {answer.status}"


async def speaks_no_http(visitor: Visitor) -> None:
    connection = Connection(visitor.crowd.url)
    reader = await connection.write(b"\x16\x03\x01" + visitor.chance.randbytes(200) + b"\r\n\r\n")
    try:
        async with asyncio.timeout(2):
            await reader.read()
    except (TimeoutError, ConnectionError):
        pass  # it may wait for more of it
    connection.close()


DEEDS: dict[Callable[[Visitor], Awaitable[None]], int] = {
    drags: 8, sees_pictures: 4, sees_a_sheet: 2, opens_the_page: 1, keeps_files: 1, paints_boxes: 1,
    sees_what_excites: 1, sees_where_maps_fire: 1, looks: 1, looks_at_a_file: 1,
    asks_the_probe: 1, goes_away: 4, sends_rubbish: 6, speaks_no_http: 1,
}  # fmt: skip


def text(model: dict[str, Any], chance: random.Random, plain: bool = False) -> str:
    """Of a picture that can be drawn, with edits unless it is to be plain."""

    def draw() -> str:
        return f"z({chance.randrange(1000)},{chance.randrange(1000)})"

    z = chance.choice([
        draw(), f"mean({draw()},{draw()},{draw()})", f"slerp(0.3,{draw()},{draw()})",
        f"noise(0.25,1,2,{draw()})", f"turn(0.5,{draw()},{draw()},{draw()})",
        f"scale(0.7,sum(1,{draw()},-1,{draw()},1,{draw()}))",
    ])  # fmt: skip
    if model["directions"]:
        z = f"move({chance.choice(model['directions'])},{chance.uniform(-3, 3):.4f},{z})"
    edits = ""
    if not plain and chance.random() < 0.3:
        layer = chance.randint(1, len(model["layers"]))
        maps, height, width = model["layers"][layer - 1]
        mask = chance.randbytes(-(-height * width // 8))
        where = "," + base64.urlsafe_b64encode(mask).rstrip(b"=").decode()
        edits = f":gain({layer},0,{chance.randrange(maps)}{chance.choice(['', where])})"
    if model["classes"]:
        edits += f":class({chance.randrange(model['classes'])})"
    return f"v1:{model['name']}@{model['weights']}:{z}{edits}"


def at(path: str, **query: object) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def lasting(answer: Answer) -> None:
    """An answer in lines that has come to its end."""
    assert "result" in json.loads(answer.content.splitlines()[-1])


def photograph() -> bytes:
    """Somebody's file."""
    pixels = np.random.default_rng(1).integers(0, 256, (90, 70, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


# --- the server


def settled(process: int) -> Held:
    """What it holds when the connections and idle threads have ended that end by themselves."""
    time.sleep(SETTLED)
    return held(process)


def held(process: int) -> Held:
    folder = Path(f"/proc/{process}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    files = len(list((folder / "fd").iterdir()))
    return Held(int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"]), files)


@contextmanager
def serving(weights: Path, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The page over a folder of models; it writes folder/log and folder/temporary/."""
    temporary = folder / "temporary"
    temporary.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ, "TMPDIR": str(temporary), "GRADIO_TEMP_DIR": str(temporary / "gradio"),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.soak", "--weights", str(weights), "--port", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise AssertionError((folder / "log").read_text()) from None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def main(
    weights: Annotated[Path, typer.Option(help="A folder of models.")] = ROOT / "weights",
    seconds: Annotated[float, typer.Option(help="After a sixth as long to warm up.")] = 1800,
    port: Annotated[int, typer.Option(help="Only serve the page here.")] = 0,
) -> None:
    """Soak the page and say what came of it."""
    if port:
        engine = Engine(discover_checkpoints(weights))
        options: dict[str, Any] = {"server_name": "127.0.0.1", "server_port": port, "quiet": True}
        build(engine).launch(**options, **launch_options(engine))
        return
    found = soak(weights, seconds, seconds / 6)
    for deed, count in found.done.most_common():
        typer.echo(f"{count:8} {deed}")
    typer.echo(f"before: {found.before}\nafter:  {found.after}")
    for complaint in found.complaints():
        typer.secho(complaint, err=True, fg="red")
    sys.exit(bool(found.complaints()))


if __name__ == "__main__":
    typer.run(main)
