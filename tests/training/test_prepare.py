"""LSUN's database -> shards -> what training reads."""

from __future__ import annotations

import io
import json
from pathlib import Path

import lmdb
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from training.__main__ import app
from training.data import load_images
from training.prepare import prepare
from training.sources import DataError, rows


def webp(seed: int, width: int, height: int) -> bytes:
    """A picture as LSUN stores them, of a few large squares: red left of the centre, blue right."""
    pixels = np.random.default_rng(seed).integers(0, 60, (8, 8, 3), dtype=np.uint8)
    pixels[:, :4, 0] += 180
    pixels[:, 4:, 2] += 180
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
    content = io.BytesIO()
    picture.save(content, "WEBP", quality=90)
    return content.getvalue()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 bedrooms of 256 on the shorter side, one that is too small, one that is cut off."""
    folder = tmp_path_factory.mktemp("bedroom_train_lmdb")
    with lmdb.open(str(folder), map_size=2**26) as opened, opened.begin(write=True) as writing:
        for number in range(40):
            size = (341, 256) if number % 2 else (256, 300)
            writing.put(f"{number:040x}".encode(), webp(number, *size))
        writing.put(b"f" * 40, webp(0, 40, 256))
        writing.put(b"e" * 40, webp(0, 256, 256)[:100])
    return folder


def test_the_database_is_read_as_it_stands(database: Path) -> None:
    found = list(rows(database))
    assert len(found) == 42
    assert found[1][0] == f"{1:040x}"
    with Image.open(io.BytesIO(found[1][1])) as picture:
        assert (picture.format, picture.size) == ("WEBP", (341, 256))


def test_shards_hold_the_centres_and_training_reads_them(database: Path, tmp_path: Path) -> None:
    said: list[str] = []
    counts = prepare(str(database), tmp_path / "out", 64, per_shard=25, say=said.append)
    assert counts == {"kept": 40, "broken": 1, "small": 1}
    assert said == ["25 pictures", "40 pictures"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "train-00000.parquet",
        "train-00001.parquet",
    ]
    pictures = load_images(tmp_path / "out", 64, 3)
    both = np.concatenate([pictures.train, pictures.held_out]).astype(int)
    assert both.shape == (40, 3, 64, 64)
    red, blue = both[:, 0], both[:, 2]
    assert (red - blue)[:, :, :31].min() > 60  # the cut's middle is the picture's
    assert (blue - red)[:, :, 33:].min() > 60


def test_the_command_stops_at_the_limit_and_prints_json_last(
    database: Path, tmp_path: Path
) -> None:
    arguments = ["prepare", "lsun", str(database), str(tmp_path / "o"), "--size", "32"]
    done = CliRunner().invoke(app, [*arguments, "--limit", "7"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1]) == {"kept": 7, "broken": 0, "small": 0}
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1
    assert "not empty" in again.stderr


def test_nothing_to_keep_and_a_damaged_database_are_a_sentence_each(
    database: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no pictures of at least 512x512"):
        prepare(str(database), tmp_path / "a", 512)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "data.mdb").write_bytes((database / "data.mdb").read_bytes()[:3000])
    with pytest.raises(DataError, match="can't be read"):
        prepare(str(damaged), tmp_path / "b", 64)
