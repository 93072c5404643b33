"""`python -m dcgan site`: what it writes, leaves alone and refuses; test_site.py of tests/browser
opens such a site."""

from __future__ import annotations

import gzip
import json
import posixpath
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from dcgan.analysis import units
from dcgan.cli import app
from dcgan.models import checkpoint
from dcgan.models.annotations import AnnotatedImage, BoxSet
from dcgan.rendering import onnx_export
from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.site import ort_web, static_site
from dcgan.tasks import run_to_end
from tests import tiny


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models like those of weights/: one with a stage and a set of boxes."""
    folder = tmp_path_factory.mktemp("weights")
    tiny.save(folder / "faces")
    tiny.save(folder / "faces" / "seen-28k", seed=1)
    tiny.save(folder / "rooms", seed=2)
    for name in ("faces", "faces/seen-28k"):
        checkpoint.save_directions(folder / name, {"smile": [0.5] * tiny.CONFIG.z_size})
    model = Engine({"faces": folder / "faces"}).model("faces")
    pictures = tuple(AnnotatedImage(model.sample(1, i), ((2.0, 2.0, 9.0, 9.0),)) for i in range(4))
    (folder / "faces" / "boxes-eyes.json").write_text(BoxSet("eyes", 2, pictures).to_json())
    return folder


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small onnxruntime-web."""
    package = tmp_path / "npm"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text('{"version": "1.2.3"}')
    for names in ort_web.BACKENDS.values():
        for name in names:
            (package / "dist" / name).write_bytes(name.encode() * 100)
    monkeypatch.setattr(ort_web, "INSTALLED", package)


def write(weights: Path, out: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["site", str(out), "--weights", str(weights), *options])
    assert result.exit_code == 0, result.output
    return result.output


def refused(weights: Path, out: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["site", str(out), "--weights", str(weights), *options])
    assert result.exit_code == 1, result.output
    return " ".join(result.stderr.split()).removeprefix("Error: ")


def contents(out: Path) -> dict[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def facts(out: Path) -> dict:
    """What the service worker is told."""
    text = (out / "service-worker.js").read_text(encoding="utf-8")
    found = re.match(r"const SITE = (.*);\n", text)
    assert found
    return json.loads(found[1])


def test_a_site_holds_all_that_its_page_asks_for(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    write(weights, out)
    engine = Engine(discover_checkpoints(weights))
    files = contents(out)
    for name, model in engine.models.items():
        weights_hash = model.checkpoint.hash
        for backend in ort_web.BACKENDS:
            graph = files[f"dcgan/generators/{weights_hash}.{backend}.onnx"]
            assert graph == onnx_export.build_browser_graph(model.checkpoint, backend)
        tensors = files[f"dcgan/generators/{weights_hash}.tensors"]
        assert tensors == onnx_export.browser_tensors(model.checkpoint)
        table = json.loads(files[f"dcgan/directions/{model.checkpoint.directions_hash}.json"])
        assert table == model.checkpoint.directions
        assert (f"dcgan/boxes/{weights_hash}.json" in files) == ("/" not in name)
    [described, _] = json.loads(files["dcgan/models.json"])
    assert described["name"] == "faces"
    assert [stage["name"] for stage in described["stages"]] == ["faces/seen-28k"]

    index = files["index.html"].decode()
    for name in re.findall(r'(?:href|src)="([^"#]+)"', index):
        assert name in files, name
    assert "<!--" not in index, "every part is in its place"
    for name, content in files.items():
        if name.endswith(".js"):
            for imported in re.findall(r'from "(\.[./\w-]+\.js)"', content.decode()):
                asked = posixpath.normpath(posixpath.join(posixpath.dirname(name), imported))
                server, alone = (f"dcgan/web/engine/{it}.js" for it in ("server", "static"))
                assert (alone if asked == server else asked) in files, (name, imported)
    assert not {name for name in files if "discriminator" in name or name.endswith("/server.js")}

    told = json.loads(files["dcgan/web/engine/onnxruntime.json"])
    assert told["cdn"] is None, "nothing comes from elsewhere"
    for backend, names in told["backends"].items():
        for kind, name in names.items():
            unpacked = gzip.decompress(files[f"dcgan/runtime/1.2.3/{name}"])
            original = ort_web.BACKENDS[backend][("module", "binary").index(kind)]
            assert unpacked == original.encode() * 100


def test_what_modules_ask_for_is_there_without_a_server(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    write(weights, out, "--model", "rooms", "--no-stages")
    web = out / "dcgan" / "web"
    modules = {path.relative_to(web).as_posix(): path.read_text() for path in web.glob("*/*.js")}
    given = set()
    for name in ("engine/engine.js", "engine/static.js"):
        given |= set(re.findall(r"^export (?:async )?\w+\*? (\w+)", modules[name], re.MULTILINE))
        for group in re.findall(r"^export {([^}]*)}", modules[name], re.MULTILINE):
            given |= set(re.findall(r"(\w+),?$", group, re.MULTILINE))
    asked = set(re.findall(r"\bserver\.(\w+)", modules["engine/engine.js"]))
    for text in modules.values():
        for group in re.findall(r'import {([^}]*)} from "[./]+/(?:engine/)?engine\.js"', text):
            asked |= set(re.findall(r"\w+", group))
        if 'import * as engine from "../engine/engine.js"' in text:
            asked |= set(re.findall(r"\bengine\.(\w+)", text))
    assert asked - given - {"js", "py"} == set(), "less names of files"


def test_ready_made_sets_come_with_their_fits(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    write(weights, out, "--model", "faces", "--no-stages")
    model = Engine({"faces": weights / "faces"}).model("faces")
    known = model.checkpoint.boxes["eyes"]
    files = contents(out)
    found = json.loads(files[f"dcgan/boxes/{model.checkpoint.hash}.json"])
    assert found["eyes"]["boxes"] == json.loads(known.to_json())
    assert found["eyes"]["units"]["2"] == units.fit_units(model, known).table()
    assert found["eyes"]["units"].keys() == {"1", "2"}
    layers = json.loads(files[f"dcgan/exciting/{model.checkpoint.hash}.json"])
    for layer, best in enumerate(layers, start=1):
        expected = run_to_end(units.top_activations(model, layer))
        assert best["seed"] == units.TOP_SAMPLES_SEED
        assert best["draws"] == expected.draws.tolist()
        assert best["cells"] == expected.cells.tolist()
    [described] = json.loads(files["dcgan/models.json"])
    assert described["stages"] == []


def test_the_same_weights_give_the_same_bytes_and_sizes_are_stated(
    weights: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    said = write(weights, first)
    assert write(weights, second) == said
    assert contents(first) == contents(second)
    sizes = dict(re.findall(r"^([\w-]+) +([\d.]+) MB$", said, re.MULTILINE))
    assert sizes.keys() == {"onnxruntime-web", "faces", "rooms", "page", "all"}
    total = sum(map(len, contents(first).values()))
    assert float(sizes["all"]) == pytest.approx(total / 1e6, abs=0.06)


def test_what_a_browser_keeps_at_once_and_what_as_it_is_used(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    write(weights, out, "--space")
    told = facts(out)
    forever, page = set(told["forever"]), set(told["page"])
    assert {"./", "dcgan/models.json", "dcgan/web/engine/worker.js"} <= page
    assert Counter(name.split("/")[1] for name in forever) == {
        "generators": 9,
        "directions": 2,
        "runtime": 4,
    }
    rest = contents(out).keys() - forever - page
    assert rest == {"index.html", "service-worker.js", "dcgan/site.json", "README.md", "LICENSE"}
    write(weights, out, "--model", "rooms", "--space")
    assert facts(out)["version"] != told["version"]


def test_a_site_is_brought_up_to_date_and_leaves_what_is_others(
    weights: Path, tmp_path: Path
) -> None:
    out, new = tmp_path / "site", tmp_path / "new"
    write(weights, out)
    (out / "CNAME").write_text("dcgan.example")
    (out / "dcgan" / "notes").mkdir()
    (out / "dcgan" / "notes" / "mine.txt").write_text("mine")
    same = out / "dcgan" / "web" / "styles" / "page.css"
    times = same.stat()
    write(weights, out, "--model", "rooms")
    write(weights, new, "--model", "rooms")
    after = contents(out)
    assert after.pop("CNAME") == b"dcgan.example"
    assert after.pop("dcgan/notes/mine.txt") == b"mine"
    assert after == contents(new)
    assert same.stat().st_mtime_ns == times.st_mtime_ns, "servers tell browsers that it is the same"


def test_names_outside_of_a_site_are_not_touched(weights: Path, tmp_path: Path) -> None:
    out, precious = tmp_path / "site", tmp_path / "precious.txt"
    precious.write_text("precious")
    (out / "dcgan").mkdir(parents=True)
    (out / "dcgan" / "site.json").write_text(json.dumps(["../precious.txt", str(precious)]))
    write(weights, out, "--model", "rooms", "--no-stages")
    assert precious.read_text() == "precious"


def test_a_folder_with_other_things_is_refused(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "home"
    out.mkdir()
    (out / "thesis.tex").write_text("precious")
    says = refused(weights, out)
    assert says == (
        f"{out} holds other things than a site: give an empty folder, or a site that was written "
        "before"
    )
    assert contents(out) == {"thesis.tex": b"precious"}
    assert refused(weights, out / "thesis.tex") == f"{out / 'thesis.tex'} is a file: give a folder"
    (out / "thesis.tex").unlink()
    (out / ".git").mkdir()
    write(weights, out, "--model", "rooms")
    assert (out / ".git").is_dir()


def test_what_is_missing_is_a_sentence(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"
    says = refused(weights, out, "--model", "cats")
    assert says == "there is no model 'cats'; there is: faces, rooms"
    assert "holds no checkpoints" in refused(tmp_path, out)
    monkeypatch.setattr(ort_web, "INSTALLED", tmp_path / "nowhere")
    says = refused(weights, out)
    assert says.startswith("a site needs onnxruntime-web, which is not installed here: run `make")
    assert not out.exists()


def test_models_come_in_the_order_that_is_asked_for(weights: Path) -> None:
    sources = discover_checkpoints(weights)
    assert list(static_site.choose_models(sources, None, stages=True)) == [
        "faces",
        "faces/seen-28k",
        "rooms",
    ]
    assert list(static_site.choose_models(sources, ["rooms", "faces"], stages=False)) == [
        "rooms",
        "faces",
    ]


def test_a_space_has_its_card(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    write(weights, out, "--space")
    _, front, text = (out / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(front)
    assert (card["sdk"], card["app_file"]) == ("static", "index.html")
    assert card.keys().isdisjoint({"sdk_version", "python_version"})
    ours = yaml.safe_load(static_site.CARD.read_text(encoding="utf-8").split("---\n", 2)[1])
    assert card["title"] == ours["title"]
    for name in ("license", "license_name", "license_link"):
        assert card[name] == ours[name]
    assert (out / card["license_link"]).is_file()
    assert f"# {ours['title']}" in text
    write(weights, out)
    assert not (out / "README.md").exists()


def test_the_icon_is_of_the_first_model(weights: Path) -> None:
    engine = Engine({"faces": weights / "faces"})
    files = {
        file.name: file.content
        for file in static_site._page(engine, ort_web.installed_facts() or {})
    }
    manifest = json.loads(files["manifest.webmanifest"])
    assert manifest["icons"][0]["sizes"] == "512x512"
    assert manifest["start_url"] == "./", "also from a sub-folder"
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(files["icon.png"])) as icon:
        corner = np.asarray(icon)[: 256 : 256 // 16, : 256 : 256 // 16]
    [picture] = engine.render([engine.model("faces").sample(1, 0)])
    assert (corner == picture).all()
