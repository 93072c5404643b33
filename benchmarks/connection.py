"""Minimal HTTP/1.1 client with keep-alive connections.

Hundreds of clients share the machine with the server under test; httpx takes ten times as much CPU
time per request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """A complete response."""

    status: int
    headers: dict[str, str]
    content: bytes


class Connection:
    """Connection to a server for one request at a time.

    It is opened by the first request, and again if the server has closed it in between.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    def beside(self) -> Connection:
        """Return another connection to the same server."""
        return Connection(self.url)

    async def get(self, target: str) -> Answer:
        """Send a GET request and return the response."""
        return await self.ask("GET", target)

    async def post(self, target: str, body: bytes, kind: str = "application/json") -> Answer:
        """Send a POST request and return the response. kind: content type."""
        return await self.ask("POST", target, body, kind)

    async def ask(self, method: str, target: str, body: bytes = b"", kind: str = "") -> Answer:
        """Send a request and return the response; retry once on a stale connection."""
        reused = self._reader is not None
        try:
            return await self.answer(await self.send(method, target, body, kind))
        except asyncio.IncompleteReadError as error:
            if error.partial or not reused:
                raise
        self.close()  # the server had closed the idle connection before the request arrived
        return await self.answer(await self.send(method, target, body, kind))

    async def answer(self, reader: asyncio.StreamReader) -> Answer:
        """Read a complete response."""
        status, headers = await self._head(reader)
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join([part async for part in _chunks(reader)]))
        length = int(headers.get("content-length", 0))
        return Answer(status, headers, await reader.readexactly(length))

    async def stream(self, target: str) -> AsyncGenerator[bytes, None]:
        """Send a GET request and yield the chunks of its response; it must be read to the end."""
        reader = await self.send("GET", target)
        await self._head(reader)
        async for part in _chunks(reader):
            yield part

    async def send(
        self, method: str, target: str, body: bytes = b"", kind: str = ""
    ) -> asyncio.StreamReader:
        """Send a request without waiting; return the reader of the response."""
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        if body or method == "POST":
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return await self.write(head.encode() + b"\r\n" + body)

    async def write(self, content: bytes) -> asyncio.StreamReader:
        """Write raw bytes, connecting if necessary; return the reader of the response."""
        reader, writer = self._reader, self._writer
        if reader is None or writer is None or writer.is_closing() or reader.at_eof():
            self.close()
            reader, writer = await asyncio.open_connection(self._host, self._port)
            self._reader, self._writer = reader, writer
        writer.write(content)
        return reader

    def close(self) -> None:
        """Close the connection, even during a request."""
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
