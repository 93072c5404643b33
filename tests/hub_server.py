"""A Hub on this machine: as much of its protocol as publishing and loading take.

Repositories are kept in memory, small files inside commits. Large files are stored in either of
the Hub's ways: by Git LFS, for clients with HF_HUB_DISABLE_XET=1, or by Xet, where clients are
sent to a content store that is a folder here, and the server learns of files from the shards that
they leave there (huggingface.co/docs/xet/shard).
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

TOKENS = {"token-of-user": "user", "token-of-other": "other"}
LARGE = (".safetensors", ".onnx", ".png")


@dataclass(frozen=True)
class File:
    """oid: SHA-1 of the Git blob, or SHA-256 of a large file, whose content is stored apart."""

    size: int
    oid: str
    content: bytes | None = None
    xet: str | None = None


@dataclass
class Repository:
    """commits: their files by path, oldest commit first."""

    private: bool
    sdk: str | None
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        return next(reversed(self.commits), "0" * 40)

    @property
    def files(self) -> dict[str, File]:
        return self.commits.get(self.head, {})

    def at(self, revision: str) -> tuple[str, dict[str, File]]:
        if revision == "main":
            return self.head, self.files
        if revision not in self.commits:
            raise refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return revision, self.commits[revision]


class Hub:
    """An ASGI application. `url` is its clients' HF_ENDPOINT; `requests` what they have asked."""

    def __init__(self, url: str, store: Path) -> None:
        self.url, self.store = url, store
        self.requests: list[str] = []
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        routes = [
            Route("/api/repos/create", self.create, methods=["POST"]),
            Route("/api/validate-yaml", self.validate, methods=["POST"]),
            Route("/lfs/{oid}", self.store_large, methods=["PUT"]),
        ]
        for kind, page in (("models", ""), ("spaces", "/spaces")):
            api, repo = f"/api/{kind}/{{user}}/{{name}}", f"{page}/{{user}}/{{name}}"
            routes += [
                Route(f"{repo}.git/info/lfs/objects/batch", self.batch, methods=["POST"]),
                Route(f"{repo}/resolve/{{revision}}/{{path:path}}", self.resolve),
                Route(api, self.info),
                Route(f"{api}/revision/{{revision}}", self.info),
                Route(f"{api}/tree/{{revision}}", self.tree),
                Route(f"{api}/preupload/{{revision}}", self.preupload, methods=["POST"]),
                Route(f"{api}/xet-{{access}}-token/{{revision}}", self.xet_token),
                Route(f"{api}/commit/{{revision}}", self.commit, methods=["POST"]),
            ]
        self.app = Starlette(routes=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append(f"{scope['method']} {scope['path']}")
        await self.app(scope, receive, send)

    async def create(self, request: Request) -> Response:
        asked = await request.json()
        user, kind = asked["organization"], asked["type"]
        if user != caller(request):
            message = f'You don\'t have the rights to create a {kind} under the namespace "{user}"'
            raise refusal(403, message)
        key = f"{kind}s/{user}/{asked['name']}"
        answer = {"url": f"{self.url}/{key.removeprefix('models/')}"}
        if key in self.repositories:
            return JSONResponse(answer | {"error": "You already created this repo"}, 409)
        private = asked.get("visibility") == "private"
        self.repositories[key] = Repository(private, asked.get("sdk"))
        return JSONResponse(answer)

    async def validate(self, request: Request) -> Response:
        content = (await request.json())["content"]
        if content.startswith("---\n") and "\n---\n" in content[3:]:
            return JSONResponse({"errors": [], "warnings": []})
        return JSONResponse({"errors": [{"message": "the front matter is not closed"}]}, 400)

    async def preupload(self, request: Request) -> Response:
        files = self.repository(request, write=True).files
        return JSONResponse(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                        "shouldIgnore": False,
                        "oid": files[file["path"]].oid if file["path"] in files else None,
                    }
                    for file in (await request.json())["files"]
                ]
            }
        )

    async def batch(self, request: Request) -> Response:
        self.repository(request, write=True)
        objects = [
            {**wanted, "actions": {"upload": {"href": f"{self.url}/lfs/{wanted['oid']}"}}}
            for wanted in (await request.json())["objects"]
        ]
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def store_large(self, request: Request) -> Response:
        content = await request.body()
        self.large[hashlib.sha256(content).hexdigest()] = content
        return Response()

    async def xet_token(self, request: Request) -> Response:
        self.repository(request, write=request.path_params["access"] == "write")
        store, expires = f"local://{self.store}", int(time.time()) + 3600
        return JSONResponse(
            {"casUrl": store, "accessToken": "-", "exp": expires},
            headers={
                "X-Xet-Cas-Url": store,
                "X-Xet-Access-Token": "-",
                "X-Xet-Token-Expiration": str(expires),
            },
        )

    async def commit(self, request: Request) -> Response:
        repository = self.repository(request, write=True)
        files = dict(repository.files)
        for line in (await request.body()).splitlines():
            item = json.loads(line)
            value: dict[str, Any] = item["value"]
            match item["key"]:
                case "header":
                    repository.messages.append(value["summary"])
                case "deletedFile":
                    del files[value["path"]]
                case "file":
                    content = base64.b64decode(value["content"])
                    blob = b"blob %d\0" % len(content) + content
                    oid = hashlib.sha1(blob).hexdigest()
                    files[value["path"]] = File(len(content), oid, content)
                case "lfsFile":
                    xet = xet_hashes(self.store).get(value["oid"])
                    if xet is None and value["oid"] not in self.large:
                        raise refusal(400, f"{value['path']} was not uploaded")
                    files[value["path"]] = File(value["size"], value["oid"], xet=xet)
        name = hashlib.sha1(repr((len(repository.commits), files)).encode()).hexdigest()
        repository.commits[name] = files
        address = "{user}/{name}".format_map(request.path_params)
        return JSONResponse({"commitUrl": f"{self.url}/{address}/commit/{name}", "commitOid": name})

    async def info(self, request: Request) -> Response:
        repository = self.repository(request)
        sha, files = repository.at(request.path_params.get("revision", "main"))
        return JSONResponse(
            {
                "id": "{user}/{name}".format_map(request.path_params),
                "sha": sha,
                "private": repository.private,
                "siblings": [{"rfilename": path} for path in files],
            }
        )

    async def tree(self, request: Request) -> Response:
        _, files = self.repository(request).at(request.path_params["revision"])
        listed: list[dict[str, Any]] = []
        for path, file in files.items():
            entry = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
            if file.content is None:
                entry["lfs"] = {"oid": file.oid, "size": file.size, "pointerSize": 134}
            if file.xet is not None:
                entry["xetHash"] = file.xet
            listed.append(entry)
        return JSONResponse(listed)

    async def resolve(self, request: Request) -> Response:
        sha, files = self.repository(request).at(request.path_params["revision"])
        file = files.get(request.path_params["path"])
        if file is None:
            raise refusal(404, "Entry not found", "EntryNotFound")
        content = self.large[file.oid] if file.content is None else file.content
        return Response(content, headers={"X-Repo-Commit": sha, "ETag": f'"{file.oid}"'})

    def repository(self, request: Request, write: bool = False) -> Repository:
        """The one that the path names. Raises what the Hub answers where it may not be had."""
        user = caller(request)
        owner, name = request.path_params["user"], request.path_params["name"]
        kind = "spaces" if "spaces" in request.url.path.split("/")[1:3] else "models"
        repository = self.repositories.get(f"{kind}/{owner}/{name}")
        if repository is None or (repository.private and user != owner):
            raise refusal(404 if user else 401, "Repository not found", "RepoNotFound")
        if write and user != owner:
            raise refusal(403, f"You don't have write access to {owner}/{name}")
        return repository


def caller(request: Request) -> str | None:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and token not in TOKENS:
        raise refusal(401, "Invalid credentials in Authorization header")
    return TOKENS.get(token)


def refusal(status: int, message: str, code: str = "") -> HTTPException:
    return HTTPException(status, message, {"X-Error-Message": message, "X-Error-Code": code})


def xet_hashes(store: Path) -> dict[str, str]:
    """SHA-256 -> Xet hash of the files that the shards in a store describe.

    After a header of 48 bytes a shard has records of 48 bytes, by file: its hash, flags and number
    of terms; the terms; as many verifications (bit 31); the SHA-256 (bit 30). Hashes are four
    little-endian words. A hash of ones ends the files.
    """
    hashes = {}
    for shard in store.glob("xet/xorbs/shards/*.mdb"):
        content, at = shard.read_bytes(), 48
        while content[at : at + 32] != b"\xff" * 32:
            name = words(content[at : at + 32])
            flags, terms = struct.unpack_from("<2I", content, at + 32)
            at += 48 * (1 + terms * (1 + (flags >> 31)))
            if flags >> 30 & 1:
                hashes[words(content[at : at + 32])] = name
                at += 48
    return hashes


def words(digest: bytes) -> str:
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", digest))


@contextmanager
def serve(store: Path) -> Iterator[Hub]:
    listener = socket.create_server(("127.0.0.1", 0))
    hub = Hub(f"http://127.0.0.1:{listener.getsockname()[1]}", store)
    server = uvicorn.Server(uvicorn.Config(hub, lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield hub
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
