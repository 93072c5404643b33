"""A Hub on this machine that has one data set."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@contextmanager
def serve(files: dict[str, bytes]) -> Iterator[str]:
    """The data set user/faces, of these files; gives the Hub's address."""
    commit = "1" * 40

    async def answer(request: Request) -> Response:
        path = request.url.path
        if path == f"/api/datasets/user/faces/tree/{commit}":
            entries = [{"type": "file", "path": p, "size": len(files[p]), "oid": p} for p in files]
            return JSONResponse(entries)
        if path in ("/api/datasets/user/faces", f"/api/datasets/user/faces/revision/{commit}"):
            siblings = [{"rfilename": name} for name in files]
            return JSONResponse({"id": "user/faces", "sha": commit, "siblings": siblings})
        content = files.get(path.removeprefix(f"/datasets/user/faces/resolve/{commit}/"))
        if content is None:
            code = "EntryNotFound" if "user/faces" in path else "RepoNotFound"
            return Response(status_code=404, headers={"X-Error-Code": code})
        return Response(content, headers={"X-Repo-Commit": commit, "ETag": '"1"'})

    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/{path:path}", answer)])
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
