"""onnxruntime-web: the version and hashes that browsers are told, and how it is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.models import checkpoint
from dcgan.paths import REPOSITORY
from dcgan.rendering import onnx_export
from dcgan.rendering.engine import Engine
from dcgan.site import ort_web
from dcgan.ui.routes import browser_engine
from tests import tiny

FACTS = ort_web.shipped_facts()
BINARY = FACTS["backends"]["wasm"]["binary"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("tiny")
    checkpoint.save_directions(tiny.save(folder).folder, {"pc1": [0.5] * 8})
    return Engine({"tiny": folder})


@pytest.fixture(scope="module")
def client(engine: Engine) -> TestClient:
    return TestClient(Starlette(routes=browser_engine.routes(engine)))


def test_browsers_are_told_what_npm_installs() -> None:
    package = json.loads((REPOSITORY / "package.json").read_text())
    assert package["dependencies"]["onnxruntime-web"] == FACTS["version"]
    if ort_web.installed_facts() is None:
        pytest.skip("onnxruntime-web is not installed here: `make setup` brings it where npm is")
    assert ort_web.installed_facts() == FACTS, "write it again: python -m dcgan.site.ort_web"


def test_the_lock_names_no_address() -> None:
    packages = json.loads((REPOSITORY / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert "integrity" in package or not name, name
    assert "node_modules/onnxruntime-web" in packages


def test_its_files_are_sent_compressed_and_for_good(client: TestClient) -> None:
    if ort_web.installed_facts() is None:
        pytest.skip("onnxruntime-web is not installed here: `make setup` brings it where npm is")
    original = (ort_web.INSTALLED / "dist" / BINARY).read_bytes()
    address = f"/dcgan/runtime/{FACTS['version']}/{BINARY}"
    small = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < 0.3 * len(original)
    assert small.content == original
    large = client.get(address, headers={"Accept-Encoding": "identity"})
    assert large.content == original
    for response in (small, large):
        assert response.headers["content-type"] == "application/wasm"
        assert "immutable" in response.headers["cache-control"]
        assert response.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "name",
    [f"0.0.1/{BINARY}", f"{FACTS['version']}/ort.js", f"{FACTS['version']}/..%2Fpackage.json"],
)
def test_nothing_else_of_it_is_sent(client: TestClient, name: str) -> None:
    assert client.get(f"/dcgan/runtime/{name}").status_code == 404


def test_without_it_the_answer_is_a_sentence(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ort_web, "INSTALLED", tmp_path)
    response = client.get(f"/dcgan/runtime/{FACTS['version']}/{BINARY}")
    assert response.status_code == 404
    assert "no such file" in response.json()["error"]


def test_generators_and_directions_are_found_by_hash(client: TestClient, engine: Engine) -> None:
    weights = engine.model("tiny").checkpoint
    graph = client.get(f"/dcgan/generators/{weights.hash}.wasm.onnx")
    assert graph.content == onnx_export.build_browser_graph(weights, "wasm")
    tensors = client.get(f"/dcgan/generators/{weights.hash}.tensors")
    assert tensors.content == onnx_export.browser_tensors(weights)
    table = client.get(f"/dcgan/directions/{weights.directions_hash}.json")
    assert table.json() == {"pc1": [0.5] * 8}
    assert all("immutable" in found.headers["cache-control"] for found in (graph, tensors, table))
    for missing in (
        "generators/00000000.wasm.onnx",
        "generators/00000000.tensors",
        f"generators/{weights.hash}.ort.onnx",
        "directions/00000000.json",
    ):
        assert client.get(f"/dcgan/{missing}").status_code == 404


def test_more_directions_have_another_address(tmp_path: Path) -> None:
    weights = tiny.save(tmp_path)
    known = {"pc1": [0.5] * 8}
    checkpoint.save_directions(weights.folder, known)
    before = checkpoint.load(weights.folder).directions_hash
    checkpoint.save_directions(weights.folder, known | {"smile": [1.0] * 8})
    after = checkpoint.load(weights.folder)
    assert after.hash == weights.hash
    assert after.directions_hash != before
    checkpoint.save_directions(weights.folder, known)
    assert checkpoint.load(weights.folder).directions_hash == before
