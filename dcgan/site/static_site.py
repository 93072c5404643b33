"""The page as a folder of files, for any web server: every visitor's browser draws for itself.

The addresses are those of the page's own routes, so that the same JavaScript finds the same things:

    index.html, service-worker.js, manifest.webmanifest, icon.png
    dcgan/web/...                       the files of dcgan/ui/web that such a page uses
    dcgan/models.json, results.json     what there is to draw from, what was measured
    dcgan/generators/HASH.BACKEND.onnx  see onnx_export.build_browser_graph
    dcgan/generators/HASH.tensors       see onnx_export.browser_tensors
    dcgan/directions/HASH.json          see Checkpoint.directions_hash; stages have their models'
    dcgan/boxes/HASH.json               sets of boxes that come with a model, and their fits
    dcgan/exciting/HASH.json            for each layer what excites its maps most
    dcgan/runtime/VERSION/...           onnxruntime-web, as gzip; worker.js unpacks it
    dcgan/site.json                     the names of all of these: what tells a site from any folder

The same weights give the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import html
import json
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import yaml

from dcgan.analysis import units
from dcgan.media import images
from dcgan.models.annotations import BoxesError
from dcgan.paths import REPOSITORY, WEB, require_clone
from dcgan.rendering import onnx_export
from dcgan.rendering.engine import Engine, Model
from dcgan.site import ort_web
from dcgan.site.locales import with_english
from dcgan.site.manifest import describe_models
from dcgan.tasks import run_to_end

RESULTS = REPOSITORY / "results"
CARD = REPOSITORY / "README.md"
LICENCE = REPOSITORY / "LICENSE"

ENTRY, WORKER = "static/site.js", "engine/worker.js"
"""The modules, in `WEB`, that import all others."""
LOCALES = ("locales/en.json", "locales/ko.json")
REPLACED = {"engine/server.js": "engine/static.js"}
"""Modules that a site has in place of the page's own, by an import map."""
MARKER = "dcgan/site.json"
PAGE_PART = "page"
RUNTIME_PART = "onnxruntime-web"
SHOWN_RESULTS = ("forget", "directions")
"""The results that tabs of a site show."""
CARD_FIELDS = (
    "title",
    "emoji",
    "colorFrom",
    "colorTo",
    "license",
    "license_name",
    "license_link",
    "short_description",
    "tags",
)
ICON_SIDE = 512
IMMUTABLE = ("dcgan/generators/", "dcgan/directions/", "dcgan/runtime/")
"""Named by what they hold, so that they never change."""
NOT_CACHED = ("README.md", "LICENSE")
"""Files that a browser has no use for."""


class SiteError(ValueError):
    """Why there can be no site; the message says what to do."""


class File(NamedTuple):
    """part: what it is for, PAGE_PART, RUNTIME_PART or the name of a model."""

    part: str
    name: str
    content: bytes


def choose_models(
    sources: Mapping[str, Path], names: Collection[str] | None, stages: bool
) -> dict[str, Path]:
    """Those of `discover` that a site is to have: models in the order of their names here, all
    without names. Raises SiteError for a name that is not there."""
    known = [name for name in sources if "/" not in name]
    for name in names or ():
        if name not in known:
            raise SiteError(f"there is no model {name!r}; there is: {', '.join(known)}")
    chosen = {}
    for owner in names or known:
        for name, source in sources.items():
            if name == owner or (stages and name.startswith(f"{owner}/")):
                chosen[name] = source
    return chosen


def write_site(engine: Engine, out: Path, *, space: bool = False) -> Iterator[tuple[str, int]]:
    """Writes the site of an engine's models; gives the part and the bytes of each file.

    A site that is there already is brought up to date: what has not changed is not written, what is
    no longer of it is deleted, and what other people have put there stays. space: with the card of
    a static Space. Raises SiteError where the folder holds something else.
    """
    earlier, facts, card = _files_of_earlier_site(out), _runtime(), _card() if space else None
    _write_if_changed(out, MARKER, _json(sorted(earlier)))  # also for one who is interrupted
    digests = {}
    for part, name, content in _files(engine, facts, card):
        digests[name] = hashlib.sha256(content).hexdigest()
        _write_if_changed(out, name, content)
        yield part, len(content)
    last = {
        "service-worker.js": _service_worker(digests),
        MARKER: _json(sorted([*digests, "service-worker.js"])),
    }
    for name, content in last.items():
        _write_if_changed(out, name, content)
        yield PAGE_PART, len(content)
    for name in earlier - digests.keys() - last.keys():
        _remove(out, name)


# --- what a site holds


def _runtime() -> dict[str, Any]:
    facts = ort_web.installed_facts()
    if facts is None:
        raise SiteError(
            "a site needs onnxruntime-web, which is not installed here: run "
            f"`{ort_web.command()}` with npm"
        )
    return facts


def _files(engine: Engine, facts: Mapping[str, Any], card: bytes | None) -> Iterator[File]:
    """index.html comes last: it is of use only with all that it names."""
    if card is not None:
        yield File(PAGE_PART, "README.md", card)
    to_wait_for = 0
    for name in facts["integrity"]:
        content = ort_web.compressed(ort_web.INSTALLED / "dist" / name)
        yield File(RUNTIME_PART, f"dcgan/runtime/{facts['version']}/{name}.gz", content)
        if name in facts["backends"]["wasm"].values():
            to_wait_for += len(content)
    first, *_ = engine.models.values()
    for model in engine.models.values():
        for file in _model_files(model):
            yield file
            if model is first and file.name.endswith((".wasm.onnx", ".tensors")):
                to_wait_for += len(file.content)
    yield from _directions(engine)
    yield from _page(engine, facts)
    yield File(PAGE_PART, "index.html", _index(to_wait_for))


def _model_files(model: Model) -> Iterator[File]:
    weights, owner = model.checkpoint, model.name.partition("/")[0]

    def file(kind: str, content: bytes, ending: str = "json") -> File:
        return File(owner, f"dcgan/{kind}/{weights.hash}.{ending}", content)

    for backend in ort_web.BACKENDS:
        yield file(
            "generators", onnx_export.build_browser_graph(weights, backend), f"{backend}.onnx"
        )
    yield file("generators", onnx_export.browser_tensors(weights), "tensors")
    if model.name == owner:  # what the Forget tab asks for, which is about models only
        layers = range(1, 1 + len(model.config.layer_shapes))
        yield file("boxes", _json(_boxes(model, layers)))
        yield file("exciting", _json([_top_activations(model, layer) for layer in layers]))


def _directions(engine: Engine) -> Iterator[File]:
    tables = {model.checkpoint.directions_hash: model for model in engine.models.values()}
    for digest, model in tables.items():
        content = _json(model.checkpoint.readable.directions)
        yield File(model.name.partition("/")[0], f"dcgan/directions/{digest}.json", content)


def _boxes(model: Model, layers: Collection[int]) -> dict[str, Any]:
    """{name: {boxes, units: {layer: fit}}} of the sets that come with a model."""
    found = {}
    for name, boxes in model.checkpoint.readable.boxes.items():
        fits = {}
        for layer in layers:
            asked = dataclasses.replace(boxes, layer=layer)
            try:
                fits[layer] = (
                    units.load_unit_fit(model, asked) or units.fit_units(model, asked)
                ).table()
            except BoxesError:  # boxes that hold no cell, or every one, of this layer
                continue
        found[name] = {"boxes": json.loads(boxes.to_json()), "units": fits}
    return found


def _top_activations(model: Model, layer: int) -> dict[str, Any]:
    found = run_to_end(units.top_activations(model, layer))
    table = {"draws": found.draws.tolist(), "cells": found.cells.tolist()}
    return {"seed": units.TOP_SAMPLES_SEED, **table}


def _page(engine: Engine, facts: Mapping[str, Any]) -> Iterator[File]:
    modules = sorted({*_modules(ENTRY), *_modules(WORKER)})
    for name in [*modules, *LOCALES, "styles/page.css", "static/site.css"]:
        yield File(PAGE_PART, f"dcgan/web/{name}", (WEB / name).read_bytes())
    backends = {
        backend: {kind: f"{name}.gz" for kind, name in files.items()}
        for backend, files in facts["backends"].items()
    }
    here = {"version": facts["version"], "cdn": None, "backends": backends, "integrity": {}}
    yield File(PAGE_PART, "dcgan/web/engine/onnxruntime.json", _json(here))
    yield File(PAGE_PART, "dcgan/models.json", _json(describe_models(engine)))
    measured = {name: RESULTS / f"{name}.json" for name in SHOWN_RESULTS}
    results = {name: json.loads(at.read_bytes()) for name, at in measured.items() if at.is_file()}
    yield File(PAGE_PART, "dcgan/results.json", _json(results))
    icon, side = _icon(engine)
    yield File(PAGE_PART, "icon.png", icon)
    yield File(PAGE_PART, "manifest.webmanifest", _json(_manifest(side)))
    if LICENCE.is_file():
        yield File(PAGE_PART, "LICENSE", LICENCE.read_bytes())


def _modules(name: str) -> list[str]:
    """A module and all that it imports, directly or not."""
    found, waiting = [], [name]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.append(name)
        text = (WEB / name).read_text(encoding="utf-8")
        for address in re.findall(r'(?:from|import) "(\.[./\w-]+\.js)";', text):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
            waiting.append(REPLACED.get(imported, imported))
    return found


def _index(to_wait_for: int) -> bytes:
    """to_wait_for: bytes that a visitor fetches before there is a picture."""
    words = f"The network is on its way: {to_wait_for / 1e6:.0f} MB, once."
    waiting = f' style="--wait: {html.escape(repr(words))}"'

    def part(match: re.Match[str]) -> str:
        content = with_english((WEB / f"{match[1]}.html").read_text(encoding="utf-8"))
        name = posixpath.basename(match[1])
        attribute = waiting if name == "stage" else ""
        return f'<div class="dc-part" data-part="{name}"{attribute}>\n{content}</div>'

    links = "\n  ".join(
        f'<link rel="modulepreload" href="dcgan/web/{name}" />' for name in sorted(_modules(ENTRY))
    )
    text = with_english((WEB / "static" / "site.html").read_text(encoding="utf-8"))
    text = text.replace("<!-- modules -->", links)
    return re.sub(r"<!-- part: ([\w/-]+) -->", part, text).encode()


def _manifest(side: int) -> dict[str, Any]:
    return {
        "name": "What a DCGAN has learned",
        "short_name": "DCGAN",
        "start_url": "./",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#ffffff",
        "icons": [{"src": "icon.png", "sizes": f"{side}x{side}", "type": "image/png"}],
    }


def _icon(engine: Engine) -> tuple[bytes, int]:
    """Four pictures of the first model, as PNG, and its side."""
    first, *_ = engine.models.values()
    four = images.make_grid(first.render([first.sample(1, index) for index in range(4)]), 2)
    icon = images.enlarge(four, max(1, ICON_SIDE // len(four)))
    return images.encode_png(np.ascontiguousarray(icon)), len(icon)


def _card() -> bytes:
    """README.md of a static Space, as the repository's own."""
    require_clone("a Space's card")
    if not CARD.is_file():
        raise SiteError(f"{CARD} is not there: write a Space's site from a clone of the repository")
    _, front, _ = CARD.read_text(encoding="utf-8").split("---\n", 2)
    ours = yaml.safe_load(front)
    kept = {key: ours[key] for key in CARD_FIELDS if key in ours}
    front = yaml.safe_dump(
        {**kept, "sdk": "static", "app_file": "index.html"}, sort_keys=False, allow_unicode=True
    )
    return (
        f"---\n{front}---\n\n# {ours['title']}\n\n"
        "Drag through what a DCGAN has learned. No server draws: the networks run in your\n"
        "browser, and the page works without a connection once it has been open. It was written\n"
        "by `python -m dcgan site --space`.\n\n"
        "The code is under the MIT licence. The weights are for research and non-commercial use "
        "only,\nbecause the photographs that they were trained on are.\n"
    ).encode()


def _service_worker(digests: Mapping[str, str]) -> bytes:
    version = hashlib.sha256(_json(dict(sorted(digests.items())))).hexdigest()[:12]
    forever = [name for name in digests if name.startswith(IMMUTABLE)]
    others = [name for name in digests if name not in {*forever, *NOT_CACHED}]
    page = ["./" if name == "index.html" else name for name in others]
    facts = {"version": version, "page": sorted(page), "forever": sorted(forever)}
    source = (WEB / "static" / "service-worker.js").read_text(encoding="utf-8")
    return f"const SITE = {_json(facts).decode()};\n\n{source}".encode()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# --- the folder


def _files_of_earlier_site(out: Path) -> set[str]:
    """The names of the site that is there; none where there is nothing, but for hidden files."""
    if out.exists() and not out.is_dir():
        raise SiteError(f"{out} is a file: give a folder")
    mark = out / MARKER
    if not out.is_dir() or all(path.name.startswith(".") for path in out.iterdir()):
        return set()
    try:
        names = json.loads(mark.read_bytes())
        inside = [PurePosixPath(name) for name in names]
    except (OSError, ValueError, TypeError):
        raise SiteError(
            f"{out} holds other things than a site: give an empty folder, or a site that was "
            "written before"
        ) from None
    return {str(path) for path in inside if not path.is_absolute() and ".." not in path.parts}


def _write_if_changed(out: Path, name: str, content: bytes) -> None:
    path = out / name
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _remove(out: Path, name: str) -> None:
    path = out / name
    path.unlink(missing_ok=True)
    for folder in path.relative_to(out).parents:
        at = out / folder
        if folder.parts and at.is_dir() and not any(at.iterdir()):
            at.rmdir()
