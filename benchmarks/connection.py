"""A keep-alive connection of HTTP/1.1, as light as it goes: a crowd of clients shares the machine
with the server that it measures, and httpx takes ten times as much of it for a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes


class Connection:
    """To one server, for one request at a time; opened with the first, and again where it was
    closed in between."""

    def __init__(self, url: str) -> None:
        self.url = url
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    def beside(self) -> Connection:
        """Another, to the same server."""
        return Connection(self.url)

    async def get(self, target: str) -> Answer:
        return await self.ask("GET", target)

    async def post(self, target: str, body: bytes, kind: str = "application/json") -> Answer:
        return await self.ask("POST", target, body, kind)

    async def ask(self, method: str, target: str, body: bytes = b"", kind: str = "") -> Answer:
        reused = self._reader is not None
        try:
            return await self.answer(await self.send(method, target, body, kind))
        except asyncio.IncompleteReadError as error:
            if error.partial or not reused:
                raise
        self.close()  # an idle connection, which the server closed before it saw the request
        return await self.answer(await self.send(method, target, body, kind))

    async def answer(self, reader: asyncio.StreamReader) -> Answer:
        """The whole of what comes back."""
        status, headers = await self._head(reader)
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join([part async for part in _chunks(reader)]))
        length = int(headers.get("content-length", 0))
        return Answer(status, headers, await reader.readexactly(length))

    async def stream(self, target: str) -> AsyncGenerator[bytes, None]:
        """The parts of a long answer as they come; it must be read to its end."""
        reader = await self.send("GET", target)
        await self._head(reader)
        async for part in _chunks(reader):
            yield part

    async def send(
        self, method: str, target: str, body: bytes = b"", kind: str = ""
    ) -> asyncio.StreamReader:
        """A request whose answer is not awaited."""
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        if body or method == "POST":
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return await self.write(head.encode() + b"\r\n" + body)

    async def write(self, content: bytes) -> asyncio.StreamReader:
        """Whatever it is; gives where the answer comes from."""
        reader, writer = self._reader, self._writer
        if reader is None or writer is None or writer.is_closing() or reader.at_eof():
            self.close()
            reader, writer = await asyncio.open_connection(self._host, self._port)
            self._reader, self._writer = reader, writer
        writer.write(content)
        return reader

    def close(self) -> None:
        """Whatever is under way."""
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None

    async def _head(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        named = (line.partition(": ") for line in lines if line)
        return int(first.split()[1]), {name.lower(): value for name, _, value in named}


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while size := int(await reader.readline(), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
