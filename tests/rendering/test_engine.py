"""Specs to pictures: the same text, the same picture, in any company; and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dcgan.config import ModelConfig
from dcgan.latents import operations
from dcgan.latents.spec import Draw, Gain, Lerp, Move, SpecError, parse
from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.rendering.engine import BATCH_SIZE, Engine, Model, discover_checkpoints
from tests import tiny

CLASSES = replace(
    tiny.CONFIG, classes=3, hidden_dense=8, first_layer="dense", output="sigmoid", channels=1
)
LARGER = replace(tiny.CONFIG, image_size=32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints like weights/."""
    folder = tmp_path_factory.mktemp("weights")
    faces = tiny.save(folder / "faces")
    checkpoint.save_directions(faces.folder, {"smile": list(np.linspace(-1, 1, 8))})
    tiny.save(folder / "faces" / "seen-28k", seed=1)
    tiny.save(folder / "digits", CLASSES)
    tiny.save(folder / "rooms", LARGER)
    (folder / "judges").mkdir()
    return folder


@pytest.fixture(scope="module")
def engine(weights: Path) -> Engine:
    return Engine(discover_checkpoints(weights))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def far(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference of two pictures, in grey levels."""
    return int(np.abs(a.astype(int) - b).max())


def test_checkpoints_and_their_stages_are_discovered(weights: Path, engine: Engine) -> None:
    assert list(engine.models) == ["digits", "faces", "faces/seen-28k", "rooms"]
    assert discover_checkpoints(weights)["faces/seen-28k"] == weights / "faces" / "seen-28k"
    assert (
        discover_checkpoints(weights / "judges") == discover_checkpoints(weights / "nowhere") == {}
    )
    stage = engine.model("faces/seen-28k").sample(1)
    assert str(stage).startswith("v1:faces/seen-28k@")
    final = engine.model("faces").sample(1)
    assert far(*engine.render([stage, final])) > 50


@pytest.mark.parametrize("name", ["faces", "digits", "rooms"])
def test_a_picture_does_not_depend_on_its_company(engine: Engine, name: str) -> None:
    model = engine.model(name)
    specs = [model.sample(seed=3, index=index) for index in range(BATCH_SIZE + 5)]
    together = engine.render(specs)
    size = model.config.image_size
    assert together.shape == (BATCH_SIZE + 5, size, size, 3)
    assert together.dtype == np.uint8
    assert together.std() > 40, "the pictures are too flat to tell anything"
    alone = np.concatenate([engine.render([spec]) for spec in specs])
    assert far(alone, together) <= 1
    backwards = engine.render(specs[::-1])[::-1]
    assert far(backwards, together) <= 1


@pytest.mark.parametrize("config", [tiny.CONFIG, CLASSES, LARGER])
def test_before_rounding_a_picture_is_the_same_in_any_batch(
    tmp_path: Path, config: ModelConfig
) -> None:
    model = Model("tiny", tiny.save(tmp_path, config))
    specs = [model.sample(0, index) for index in range(33)]
    alone = np.concatenate([model.draw([spec]) for spec in specs])
    for size in (2, 7, 32, 33):
        batches = [model.draw(specs[start : start + size]) for start in range(0, 33, size)]
        np.testing.assert_allclose(np.concatenate(batches), alone, rtol=0, atol=1e-5)


def test_the_engine_draws_what_the_generator_says(engine: Engine) -> None:
    model = engine.model("faces")
    specs = [model.sample(5, index) for index in range(4)]
    z = operations.draw_latents(5, 0, 4, 8, "uniform").astype(np.float32)
    with torch.inference_mode():
        pictures = model.checkpoint.generator()(torch.from_numpy(z)).numpy()
    assert far(engine.render(specs), images.to_uint8(pictures, "tanh")) <= 1


def test_models_and_edits_share_a_call(engine: Engine) -> None:
    faces, stage = engine.model("faces"), engine.model("faces/seen-28k")
    gains = (Gain(1, 0, (0, 1)),)
    specs = [
        faces.spec(Draw(1, 0)),
        stage.spec(Draw(1, 0)),
        faces.spec(Draw(1, 0), gains),
        faces.spec(Move((("smile", 1),), Draw(1, 0))),
        faces.spec(Lerp(0.5, Draw(1, 0), Draw(1, 1)), gains),
        faces.spec(Draw(1, 0)),
    ]
    together = engine.render(specs)
    for spec, picture in zip(specs, together, strict=True):
        assert far(engine.render([spec])[0], picture) <= 1
    assert len(np.unique(together[:5], axis=0)) == 5
    assert (together[0] == together[5]).all()


def test_a_gain_changes_its_maps_where_its_mask_says(engine: Engine) -> None:
    model = engine.model("faces")
    every = tuple(range(4))
    left = np.zeros((8, 8), bool)
    left[:, :4] = True
    mask = np.packbits(left).tobytes()
    plain, none, half, same = engine.render(
        [
            model.spec(Draw(1, 0), gains)
            for gains in (
                (),
                (Gain(2, 0, every),),
                (Gain(2, 0, every, mask),),
                (Gain(2, 1, every, mask), Gain(1, 1, every)),
            )
        ]
    )
    assert (same == plain).all()
    assert (none == 128).all(), "nothing reaches tanh"
    inside, reach = slice(0, 6), slice(10, 16)  # a 5x5 kernel reaches over the edge at 8
    assert (half[:, inside] == 128).all()
    assert far(plain[:, inside], half[:, inside]) > 50
    assert (half[:, reach] == plain[:, reach]).all()


def test_a_text_gives_the_same_picture_after_a_restart(engine: Engine, weights: Path) -> None:
    specs = [engine.model(name).sample(7, 2) for name in ("faces", "faces/seen-28k")]
    script = """
import sys
from pathlib import Path
from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.latents.spec import parse
engine = Engine(discover_checkpoints(Path(sys.argv[1])))
sys.stdout.buffer.write(engine.render([parse(text) for text in sys.argv[2:]]).tobytes())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, weights, *map(str, specs)], capture_output=True, check=True
    )
    again = np.frombuffer(done.stdout, np.uint8).reshape(2, 16, 16, 3)
    assert far(again, engine.render(specs)) <= 1


def test_classes_make_different_pictures(engine: Engine) -> None:
    digits = engine.model("digits")
    zero, one = engine.render([digits.spec(Draw(1, 0), label=label) for label in (0, 1)])
    assert far(zero, one) > 50
    assert (zero == zero[:, :, :1]).all(), "one channel is shown as grey"
    assert [digits.sample(0, index).label for index in range(4)] == [0, 1, 2, 0]


def test_a_model_is_read_when_first_drawn_from_and_once(weights: Path) -> None:
    @dataclass(frozen=True)
    class Counting(Checkpoint):
        reads: list[int] = field(default_factory=list)

        def tensors(
            self, prefix: str, shapes: Mapping[str, tuple[int, ...]]
        ) -> dict[str, np.ndarray]:
            self.reads.append(threading.get_ident())
            time.sleep(0.2)  # time enough for the others to come
            return super().tensors(prefix, shapes)

    source = checkpoint.load(weights / "faces")
    counting = Counting(source.folder, source.config)
    model = Model("faces", counting)
    spec = model.sample(1)
    assert counting.reads == []

    start = threading.Barrier(8)
    pictures: list[np.ndarray] = []

    def visit() -> None:
        start.wait()
        pictures.append(model.render([spec]))

    visitors = [threading.Thread(target=visit) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert len(counting.reads) == 1
    assert len(pictures) == 8
    assert all((picture == pictures[0]).all() for picture in pictures)


def test_importing_the_engine_imports_no_torch() -> None:
    script = """
import sys
import dcgan.latents.spec, dcgan.latents.operations, dcgan.rendering.engine
import dcgan.models.checkpoint, dcgan.cli
print(sorted({"torch", "gradio", "huggingface_hub", "safetensors"} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v1:cats@{faces}:z(1,0)", "there is no model called 'cats' here; there is: digits, faces"),
        ("v1:faces@00000000:z(1,0)", "other weights (00000000) than the faces here ({faces})"),
        ("v1:faces@{faces}:z(1,0):class(1)", "faces has no classes: leave out class(...)"),
        ("v1:digits@{digits}:z(1,0)", "digits draws 3 classes: add :class(0) to :class(2)"),
        ("v1:digits@{digits}:z(1,0):class(3)", "digits has classes 0 to 2, not 3"),
        ("v1:faces@{faces}:move(age,1,z(1,0))", "no direction called 'age'; it has: smile"),
        ("v1:faces@{faces}:z(1,0):gain(3,0,1)", "so there is no layer 3 to edit"),
        ("v1:faces@{faces}:z(1,0):gain(1,0,8)", "so there is no map 8 to edit"),
        ("v1:faces@{faces}:z(1,0):gain(2,0,1,_w)", "must have 8 bytes, one bit per cell, not 1"),
    ],
)
def test_what_can_not_be_drawn_is_a_sentence(engine: Engine, text: str, says: str) -> None:
    hashes = {name: model.checkpoint.hash for name, model in engine.models.items()}
    with pytest.raises(SpecError, match=re.escape(says.format_map(hashes))) as caught:
        engine.render([parse(text.format_map(hashes))])
    assert "\n" not in str(caught.value)


def test_pictures_of_different_sizes_can_not_share_a_call(engine: Engine) -> None:
    specs = [engine.model(name).sample(1) for name in ("faces", "rooms")]
    with pytest.raises(SpecError, match=re.escape("must have one size, not [16, 32]")):
        engine.render(specs)


def test_a_folder_that_is_no_checkpoint_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"it has no config\.json"):
        Engine({"faces": tmp_path})
