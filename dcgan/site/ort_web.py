"""onnxruntime-web, which renders in the browser: its files and their sources.

`make setup` installs it with npm at the version in package-lock.json; it is not committed. Without
npm, browsers load the same files from a public CDN and check them against the hashes in
onnxruntime.json, which `python -m dcgan.site.ort_web` rewrites after a change of version.
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
"""Location of the npm package: in the clone, or in the current folder for an installed dcgan."""
FACTS = WEB / "engine" / "onnxruntime.json"
BACKENDS = {
    "wasm": ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
    "webgpu": ("ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"),
}
"""JavaScript module and WebAssembly binary of each backend."""
GZIP_LEVEL = 6  # level 9 takes twice as long and saves one percent
CDN = "https://cdn.jsdelivr.net/npm/onnxruntime-web@{version}/dist/"


def shipped_facts() -> dict[str, Any]:
    """Return the committed {version, cdn, backends: {name: {module, binary}}, integrity: {file:
    hash}}."""
    return json.loads(FACTS.read_text(encoding="utf-8"))


def installed_facts() -> dict[str, Any] | None:
    """Return the same facts of the installed npm package, or None if it is not installed."""
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
    """Return the shell command that installs the npm package."""
    return "make setup" if IS_CLONE else f"npm install onnxruntime-web@{shipped_facts()['version']}"


def runtime_file(version: str, name: str) -> Path | None:
    """Return the path of a file of this version, or None if it is not installed."""
    known = shipped_facts()
    path = INSTALLED / "dist" / name
    there = version == known["version"] and name in known["integrity"] and path.is_file()
    return path if there and _is_version(version) else None


@functools.lru_cache(maxsize=4)
def compressed(path: Path) -> bytes:
    """Return a file's content as gzip; cached, because compression takes half a second."""
    return gzip.compress(path.read_bytes(), GZIP_LEVEL, mtime=0)


@functools.cache
def _is_version(version: str) -> bool:
    package = json.loads((INSTALLED / "package.json").read_text(encoding="utf-8"))
    return package["version"] == version


def _integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def main() -> None:
    """Write onnxruntime.json from the installed npm package."""
    found = installed_facts()
    if found is None:
        raise SystemExit(f"onnxruntime-web is not installed here: run `{command()}` first")
    FACTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
