"""generator.onnx: what is shipped is what would be written again, and draws by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession

from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.generator_layers import generator_layers
from dcgan.rendering import onnx_export
from dcgan.rendering.engine import Model, discover_checkpoints
from dcgan.site import ort_web
from tests import tiny

WEIGHTS = Path(__file__).parents[2] / "weights"
SHIPPED = discover_checkpoints(WEIGHTS)

DRAW = """
import sys
from dcgan.models.checkpoint import load
from dcgan.rendering.engine import Model
model = Model("tiny", load(sys.argv[1]))
model.render([model.sample(1)])
print("onnx" in sys.modules, "torch" in sys.modules)
"""


@pytest.fixture
def weights(tmp_path: Path) -> Checkpoint:
    return tiny.save(tmp_path / "tiny")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_graph_is_that_of_the_shipped_weights(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (checkpoint.CONFIG, checkpoint.WEIGHTS):
        (copy / file).symlink_to(SHIPPED[name] / file)
    again = onnx_export.write_graph(checkpoint.load(copy))
    assert again.read_bytes() == (SHIPPED[name] / checkpoint.GRAPH).read_bytes(), (
        f"write it again: python -m training export weights/{name}"
    )


def test_it_draws_by_itself_with_the_tensors_beside_it(weights: Checkpoint) -> None:
    model = Model("tiny", weights)
    specs = [model.sample(3, index) for index in range(4)]
    z = {"z": np.stack([model.z(spec) for spec in specs]).astype(np.float32)}
    gains = {
        f"gain_{layer}": np.ones((1, maps, 1, 1), np.float32)
        for layer, (maps, _, _) in enumerate(model.config.layer_shapes, start=1)
    }
    graphs = [(onnx_export.write_graph(weights), z)]
    (weights.folder / onnx_export.TENSORS_FILE).write_bytes(onnx_export.browser_tensors(weights))
    for backend in ort_web.BACKENDS:
        path = weights.folder / f"{backend}.onnx"
        path.write_bytes(onnx_export.build_browser_graph(weights, backend))
        graphs.append((path, z | gains))
    for graph, inputs in graphs:
        session = InferenceSession(graph, providers=["CPUExecutionProvider"])
        drawn = np.asarray(session.run(["pictures"], inputs)[0])
        np.testing.assert_allclose(drawn, model.draw(specs), rtol=0, atol=1e-5)


def test_a_browser_gets_the_generator_in_half_precision() -> None:
    faces = checkpoint.load(WEIGHTS / "faces")
    size = len(onnx_export.browser_tensors(faces))
    stored = faces.tensors(checkpoint.GENERATOR, generator_layers(faces.config).tensors())
    assert size == sum(tensor.nbytes for tensor in stored.values())
    assert size < 0.9 * (faces.folder / checkpoint.WEIGHTS).stat().st_size, "D stays at home"
    assert all(
        len(onnx_export.build_browser_graph(faces, backend)) < 60_000
        for backend in ort_web.BACKENDS
    )


def test_where_it_is_there_pictures_need_no_onnx_package(weights: Checkpoint) -> None:
    def loaded() -> str:
        command = [sys.executable, "-c", DRAW, str(weights.folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert loaded() == "True False"
    onnx_export.write_graph(weights)
    assert loaded() == "False False"


@pytest.mark.parametrize("damage", ["of other weights", "cut off", "empty", "a folder"])
def test_a_damaged_one_is_made_anew_in_memory_and_spoken_of(
    weights: Checkpoint, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = Model("tiny", weights)
    expected = before.render([before.sample(1)])
    kept = weights.folder / checkpoint.GRAPH
    match damage:
        case "of other weights":
            shutil.copy(onnx_export.write_graph(tiny.save(tmp_path / "other", seed=1)), kept)
        case "a folder":
            kept.mkdir()
        case _:
            whole = onnx_export.write_graph(weights).read_bytes()
            kept.write_bytes(whole[:500] if damage == "cut off" else b"")
    model = Model("tiny", weights)
    assert np.array_equal(model.render([model.sample(1)]), expected)
    [said] = caplog.messages
    assert said.startswith(f"{kept} is not used, because ")
    assert said.endswith(f"write it again with `python -m training export {weights.folder}`")


def test_damaged_weights_are_not_exported(weights: Checkpoint) -> None:
    path = weights.folder / checkpoint.WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged or incomplete"):
        onnx_export.write_graph(weights)
    assert not (weights.folder / checkpoint.GRAPH).exists()
