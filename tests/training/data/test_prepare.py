"""Files of any kind -> shards -> what training reads."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import lmdb
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.training.hub import serve
from training.cli.app import app
from training.data.datasets import load_images
from training.data.prepare import shards as making
from training.data.prepare.centres import crop_centre
from training.data.prepare.shards import REPORT, write_shards
from training.data.readers import DataError, read_rows

ROOT = Path(__file__).parents[3]
CUT, SETTINGS = partial(crop_centre, size=64), {"centre": 64}


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


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def test_the_database_is_read_as_it_stands(database: Path) -> None:
    found = list(read_rows(database))
    assert len(found) == 42
    assert found[1][0] == f"{1:040x}"
    with Image.open(io.BytesIO(found[1][1])) as picture:
        assert (picture.format, picture.size) == ("WEBP", (341, 256))


def test_shards_hold_the_centres_and_training_reads_them(database: Path, tmp_path: Path) -> None:
    said: list[str] = []
    out = tmp_path / "out"
    done = write_shards(str(database), out, CUT, SETTINGS, per_shard=25, say=said.append)
    assert done.outcomes == {"kept": 40, "unreadable": 1, "small": 1}
    assert (done.pictures, done.files, done.finished) == (40, 42, True)
    assert said == ["25 pictures of 25 files", "40 pictures of 42 files"]
    assert list(shards(out)) == ["train-00000.parquet", "train-00001.parquet"]
    assert {path.name for path in out.iterdir()} == {*shards(out), REPORT}
    pictures = load_images(out, 64, 3)
    both = np.concatenate([pictures.train, pictures.held_out]).astype(int)
    assert both.shape == (40, 3, 64, 64)
    red, blue = both[:, 0], both[:, 2]
    assert (red - blue)[:, :, :31].min() > 60  # the cut's middle is the picture's
    assert (blue - red)[:, :, 33:].min() > 60


@pytest.mark.parametrize("name", ["lsun", "imagenet", "folder"])
def test_the_commands_stop_at_the_limit_and_print_json_last(
    name: str, database: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    arguments = ["prepare", name, str(database), str(out), "--limit", "7", "--processes", "1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["pictures"], report["outcomes"]) == (7, {"kept": 7})
    assert report["settings"]["centre"] == (32 if name == "imagenet" else 64)
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1
    assert "finished" in again.stderr
    other = CliRunner().invoke(app, [*arguments, "--size", "16"])
    assert other.exit_code == 1
    assert "was made with" in other.stderr


@pytest.mark.long
def test_a_data_set_of_the_hub_is_streamed_to_the_same_shards(tmp_path: Path) -> None:
    folder = tmp_path / "local"
    folder.mkdir()
    pictures = [{"image": {"bytes": webp(number, 80, 70), "path": None}} for number in range(30)]
    pq.write_table(pa.Table.from_pylist(pictures), folder / "train-0.parquet")

    def prepare(source: str, out: Path, **environment: str) -> None:
        command = [sys.executable, "-m", "training", "prepare", "folder", source, str(out)]
        subprocess.run(
            [*command, "--processes", "1"], check=True, capture_output=True, cwd=ROOT,
            env={**os.environ, "HF_HOME": str(tmp_path / "home"), **environment},
        )  # fmt: skip

    prepare(str(folder), tmp_path / "here")
    with serve({path.name: path.read_bytes() for path in folder.iterdir()}) as address:
        prepare("user/faces", tmp_path / "streamed", HF_ENDPOINT=address)
    assert shards(tmp_path / "streamed") == shards(tmp_path / "here")
    assert len(load_images(tmp_path / "streamed", 64, 3).train) > 20
    assert not list((tmp_path / "home").rglob("*.parquet"))  # streamed, not downloaded


@pytest.mark.long
@pytest.mark.timeout(900)
def test_memory_is_flat_over_a_hundred_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, process, resident = webp(0, 64, 64), psutil.Process(), []
    found = [(f"{number}", content, {}) for number in range(100_000)]
    monkeypatch.setattr(making, "read_rows", lambda source: iter(found))
    monkeypatch.setattr(making, "column_types", lambda source: {})

    def say(line: str) -> None:
        resident.append(process.memory_info().rss / 2**20)

    write_shards("many", tmp_path, CUT, SETTINGS, per_shard=1000, say=say)
    assert len(resident) >= 100
    assert max(resident[20:]) - resident[10] < 20, resident


def test_nothing_to_keep_and_a_damaged_database_are_a_sentence_each(
    database: Path, tmp_path: Path
) -> None:
    large = partial(crop_centre, size=512)
    with pytest.raises(DataError, match=r"nothing to keep.*small"):
        write_shards(str(database), tmp_path / "a", large, {}, processes=1)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "data.mdb").write_bytes((database / "data.mdb").read_bytes()[:3000])
    with pytest.raises(DataError, match="can't be read"):
        write_shards(str(damaged), tmp_path / "b", CUT, SETTINGS, processes=1)
    occupied = tmp_path / "c"
    occupied.mkdir()
    (occupied / "letter.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        write_shards(str(database), occupied, CUT, SETTINGS, processes=1)
    assert (occupied / "letter.txt").read_text() == "mine"


SLOWLY = """
import sys, time
from pathlib import Path
from tests.training.data.test_prepare import CUT, SETTINGS
from training.data.prepare.shards import write_shards
def say(text):
    print(text, flush=True)
    time.sleep(60)
write_shards(sys.argv[1], Path(sys.argv[2]), CUT, SETTINGS, per_shard=10, processes=1, say=say)
"""


def test_a_killed_one_goes_on_and_comes_to_the_same_shards(database: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    command = [sys.executable, "-c", SLOWLY, str(database), str(parts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "10 pictures of 10 files\n"
        process.send_signal(signal.SIGKILL)
    (parts / ".train-00001.parquet.partial").write_bytes(b"half of it")
    before = (parts / "train-00000.parquet").stat().st_mtime_ns
    said: list[str] = []
    write_shards(str(database), parts, CUT, SETTINGS, per_shard=10, processes=2, say=said.append)
    assert said[0] == "20 pictures of 20 files"
    assert (parts / "train-00000.parquet").stat().st_mtime_ns == before
    write_shards(str(database), whole, CUT, SETTINGS, per_shard=10, processes=1)
    assert shards(parts) == shards(whole)
    assert not list(parts.glob(".*"))
