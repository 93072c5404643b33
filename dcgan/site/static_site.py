"""Static site: the page as a folder of files for any web server, with rendering in the browser.

The addresses are those of the page's own routes, so that the same JavaScript works with both:

    index.html, service-worker.js, manifest.webmanifest, icon.png
    dcgan/web/...                       the files of dcgan/ui/web that a static site uses
    dcgan/models.json, results.json     the models, and the results of experiments
    dcgan/generators/HASH.BACKEND.onnx  see onnx_export.build_browser_graph
    dcgan/generators/HASH.tensors       see onnx_export.browser_tensors
    dcgan/directions/HASH.json          see Checkpoint.directions_hash; shared by a model's stages
    dcgan/boxes/HASH.json               sets of boxes that come with a model, and their fits
    dcgan/exciting/HASH.json            top-activating samples of the feature maps of each layer
    dcgan/runtime/VERSION/...           onnxruntime-web, as gzip; worker.js unpacks it
    dcgan/site.json                     names of all files; marks the folder as a site

The output is deterministic: the same weights give the same bytes.
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
"""Entry modules in `WEB`, which import all others."""
LOCALES = ("locales/en.json", "locales/ko.json")
REPLACED = {"engine/server.js": "engine/static.js"}
"""Module of the page -> module that a site uses instead, by an import map."""
MARKER = "dcgan/site.json"
PAGE_PART = "page"
RUNTIME_PART = "onnxruntime-web"
SHOWN_RESULTS = ("forget", "directions")
"""Experiments whose results are shown on a site's tabs."""
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
"""Prefixes of files whose names include a hash or version, so that their content never changes."""
NOT_CACHED = ("README.md", "LICENSE")
"""Files that the service worker does not cache, because the page does not use them."""


class SiteError(ValueError):
    """A site can't be written; the message says why and what to do."""


class File(NamedTuple):
    """A file of a site. part: PAGE_PART, RUNTIME_PART or the name of a model."""

    part: str
    name: str
    content: bytes


def choose_models(
    sources: Mapping[str, Path], names: Collection[str] | None, stages: bool
) -> dict[str, Path]:
    """Select the checkpoints of a site.

    sources: checkpoint folders by name, stages as "model/stage". names: models to include, in this
    order; None: all. stages: whether to include the models' stages. Raises SiteError for an unknown
    name.
    """
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
    """Write the site of an engine's models; yield part and size in bytes of each file.

    An existing site is updated: unchanged files are not written again, files that are no longer
    part of the site are deleted, and other files are left alone. space: add the card of a static
    Space. Raises SiteError if the folder contains something else than a site.
    """
    earlier, facts, card = _files_of_earlier_site(out), _runtime(), _card() if space else None
    _write_if_changed(out, MARKER, _json(sorted(earlier)))  # marks an interrupted write as a site
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
    """Yield all files of a site; index.html comes last, because it refers to all others."""
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
    if model.name == owner:  # files of the Forget tab, which does not offer stages
        layers = range(1, 1 + len(model.config.layer_shapes))
        yield file("boxes", _json(_boxes(model, layers)))
        yield file("exciting", _json([_top_activations(model, layer) for layer in layers]))


def _directions(engine: Engine) -> Iterator[File]:
    tables = {model.checkpoint.directions_hash: model for model in engine.models.values()}
    for digest, model in tables.items():
        content = _json(model.checkpoint.readable.directions)
        yield File(model.name.partition("/")[0], f"dcgan/directions/{digest}.json", content)


def _boxes(model: Model, layers: Collection[int]) -> dict[str, Any]:
    """Return {name: {boxes, units: {layer: fit}}} for the sets of boxes that come with a model."""
    found = {}
    for name, boxes in model.checkpoint.readable.boxes.items():
        fits = {}
        for layer in layers:
            asked = dataclasses.replace(boxes, layer=layer)
            try:
                fits[layer] = (
                    units.load_unit_fit(model, asked) or units.fit_units(model, asked)
                ).table()
            except BoxesError:  # the boxes cover no cell of this layer, or all of them
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
    """Return a module and all its direct and indirect imports."""
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
    """Return index.html. to_wait_for: bytes to download before the first image."""
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
    """Return an icon of four samples of the first model as PNG, and its side in pixels."""
    first, *_ = engine.models.values()
    four = images.make_grid(first.render([first.sample(1, index) for index in range(4)]), 2)
    icon = images.enlarge(four, max(1, ICON_SIDE // len(four)))
    return images.encode_png(np.ascontiguousarray(icon)), len(icon)


def _card() -> bytes:
    """Return the README.md of a static Space, with metadata from the repository's README.md."""
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
    """Return the names of the existing site's files; none for a folder with only hidden files.

    Raises SiteError if the folder contains something else than a site.
    """
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
