"""onnxruntime-web, with which a visitor's browser draws by itself: which files, and where from.

`make setup` brings it by npm, as package.json and its lock say; nothing of it is committed. Where
there is no npm, browsers take the same files from a public CDN and check them by the hashes in
onnxruntime.json, which `python -m dcgan.site.ort_web` writes anew after a change of version.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from dcgan.paths import IS_CLONE, REPOSITORY, WEB

INSTALLED = (REPOSITORY if IS_CLONE else Path()) / "node_modules" / "onnxruntime-web"
"""In the clone; for an installed package in the current folder, where `npm install` puts it."""
FACTS = WEB / "engine" / "onnxruntime.json"
BACKENDS = {
    "wasm": ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
    "webgpu": ("ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"),
}
"""A module and its binary for each way to compute."""
GZIP_LEVEL = 6  # of gzip: 9 takes twice as long for a hundredth less
CDN = "https://cdn.jsdelivr.net/npm/onnxruntime-web@{version}/dist/"


def shipped_facts() -> dict[str, Any]:
    """{version, cdn, backends: {name: {module, binary}}, integrity: {file: hash}}, as shipped."""
    return json.loads(FACTS.read_text(encoding="utf-8"))


def installed_facts() -> dict[str, Any] | None:
    """The same of what npm has installed here; None without it."""
    package = INSTALLED / "package.json"
    if not package.is_file():
        return None
    version = json.loads(package.read_text(encoding="utf-8"))["version"]
    names = sorted({name for files in BACKENDS.values() for name in files})
    return {
        "version": version,
        "cdn": CDN.format(version=version),
        "backends": {
            name: {"module": module, "binary": binary}
            for name, (module, binary) in BACKENDS.items()
        },
        "integrity": {name: _integrity((INSTALLED / "dist" / name).read_bytes()) for name in names},
    }


def command() -> str:
    """What brings it here, with npm."""
    return "make setup" if IS_CLONE else f"npm install onnxruntime-web@{shipped_facts()['version']}"


def runtime_file(version: str, name: str) -> Path | None:
    """A file of that version as it is installed here; None where it is not."""
    known = shipped_facts()
    path = INSTALLED / "dist" / name
    there = version == known["version"] and name in known["integrity"] and path.is_file()
    return path if there and _is_version(version) else None


@functools.lru_cache(maxsize=4)
def compressed(path: Path) -> bytes:
    """A file, gzipped: kept, since it takes half a second and is a quarter of the size."""
    return gzip.compress(path.read_bytes(), GZIP_LEVEL, mtime=0)


@functools.cache
def _is_version(version: str) -> bool:
    package = json.loads((INSTALLED / "package.json").read_text(encoding="utf-8"))
    return package["version"] == version


def _integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def main() -> None:
    found = installed_facts()
    if found is None:
        raise SystemExit(f"onnxruntime-web is not installed here: run `{command()}` first")
    FACTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
