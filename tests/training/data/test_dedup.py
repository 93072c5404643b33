"""Near-duplicates are found, what merely resembles is not, and the rest of the set is written."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features, Image, Value
from PIL import Image as Pillow
from PIL import ImageEnhance
from typer.testing import CliRunner

from training.cli.app import app
from training.data import dedup, semantic_hash
from training.data.readers import read_rows
from training.data.semantic_hash import BITS, SIDE

COUNT = 300
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic_hash, "TRAINING_STEPS", 200)


def scene(seed: int) -> Pillow.Image:
    """64x64: a few soft shapes, no two seeds alike."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Pillow.fromarray(small).resize((64, 64), Pillow.Resampling.BICUBIC)


def jpeg(picture: Pillow.Image, quality: int = 95) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return content.getvalue()


def moved(picture: Pillow.Image) -> Pillow.Image:
    return picture.transform((64, 64), Pillow.Transform.AFFINE, (1, 0, 1, 0, 1, 0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COUNT scenes as parquet, labelled by number; then copies of the first ones, in their order: a
    worse JPEG, brighter, moved by a pixel, smaller, mirrored; last a file that is cut off."""
    pictures = [jpeg(scene(seed)) for seed in range(COUNT)]
    pictures += [
        jpeg(scene(0), quality=60),
        jpeg(ImageEnhance.Brightness(scene(1)).enhance(0.85)),
        jpeg(moved(scene(2))),
        jpeg(scene(3).resize((40, 40), Pillow.Resampling.BICUBIC)),
        jpeg(scene(4).transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)),
        jpeg(scene(5))[:200],
    ]
    rows: list[dict[str, Any]] = [
        {"image": {"bytes": content, "path": f"{number}.jpg"}, "label": number, "note": None}
        for number, content in enumerate(pictures)
    ]
    types = Features({"image": Image(), "label": Value("int16"), "note": Value("string")})
    path = tmp_path_factory.mktemp("set")
    Dataset.from_list(rows, types).to_parquet(path / "train-00000.parquet")
    return path


def command(*arguments: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(app, ["dedup", *map(str, arguments), "--processes", "1"])
    return found.exit_code, found.stdout, found.stderr


def test_the_first_of_each_group_is_kept_with_its_columns(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, _ = command(folder, out)
    assert code == 0
    assert json.loads(printed.splitlines()[-1])["outcomes"] == {
        "kept": COUNT + 1,
        "duplicate": 4,
        "unreadable": 1,
    }
    facts = json.loads((out / dedup.REPORT).read_text())
    assert facts["groups"] == [[seed, COUNT + seed] for seed in range(4)]
    with Pillow.open(out / dedup.SHEET) as sheet:
        assert sheet.width > sheet.height > SIDE
    originals, kept = list(read_rows(folder)), list(read_rows(out))
    assert [row["label"] for *_, row in kept] == [*range(COUNT), COUNT + 4]
    assert kept[7] == originals[7]
    assert list(kept[0][2]) == ["label", "note"]


def test_mirror_images_count_where_asked_for(folder: Path, tmp_path: Path) -> None:
    code, _, _ = command(folder, tmp_path / "out", "--mirrored")
    assert code == 0
    facts = json.loads((tmp_path / "out" / dedup.REPORT).read_text())
    assert facts["groups"] == [[seed, COUNT + seed] for seed in range(5)]


@pytest.mark.long
def test_a_second_run_leaves_out_what_the_first_found(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    dedup.deduplicate(
        str(folder), whole, dedup.MIN_CORRELATION, False, processes=1, say=lambda text: None
    )
    with monkeypatch.context() as context:
        context.setattr(dedup, "write_shards", _killed)
        with pytest.raises(KeyboardInterrupt):
            dedup.deduplicate(
                str(folder), out, dedup.MIN_CORRELATION, False, processes=1, say=lambda text: None
            )
    monkeypatch.setattr(dedup, "find_duplicates", _killed)  # it is not asked again
    dedup.deduplicate(
        str(folder), out, dedup.MIN_CORRELATION, False, processes=1, say=lambda text: None
    )
    name = "train-00000.parquet"
    assert (out / name).read_bytes() == (whole / name).read_bytes()


def _killed(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for seed in range(3):
        (few / f"{seed}.jpg").write_bytes(jpeg(scene(seed)))
    code, _, error = command(few, tmp_path / "out")
    assert code == 1
    assert "a batch has 128 pictures, but there are only 3" in error
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_folder_that_holds_something_is_refused_before_long_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedup, "make_thumbnails", _killed)
    (tmp_path / "letter.txt").write_text("mine")
    code, _, error = command(folder, tmp_path)
    assert (code, "is not empty" in error) == (1, True)


def test_near_codes_are_found_among_many() -> None:
    """Against all pairs, whose number grows with the square."""
    chance = np.random.default_rng(0)
    centres = chance.random((40, BITS)) < chance.uniform(0.2, 0.8, BITS)
    bits = centres[chance.integers(0, 40, 3000)] ^ (chance.random((3000, BITS)) < 0.2)
    planted = bits[:500] ^ (chance.random((500, BITS)) < 0.04)
    bits = np.concatenate([bits, planted])
    codes = np.packbits(bits, axis=1)
    signs = bits.astype(np.float32) * 2 - 1
    apart = (BITS - signs @ signs.T) / 2
    one, other = np.nonzero(np.triu(apart <= 8, 1))
    wanted = set(zip(one.tolist(), other.tolist(), strict=True))
    found = set(map(tuple, semantic_hash.near_pairs(codes, 8).tolist()))
    assert len(wanted) > 400
    assert found <= wanted
    assert len(found) > 0.98 * len(wanted)


def test_equal_codes_hang_together() -> None:
    codes = np.packbits(np.random.default_rng(1).random((50, BITS)) < 0.5, axis=1)
    again = np.concatenate([codes, np.repeat(codes[:1], 200, axis=0)])
    groups = dedup.connected_groups(semantic_hash.near_pairs(again, 0), len(again))
    assert groups == [[0, *range(50, 250)]]
    assert semantic_hash.near_pairs(codes, 0).shape == (0, 2)
    assert dedup.connected_groups(semantic_hash.near_pairs(codes, 0), len(codes)) == []


def test_a_pair_that_is_found_twice_counts_once_as_its_best() -> None:
    pairs, alike = dedup.unique_pairs(
        np.array([[3, 1], [1, 13], [0, 12]]), np.array([0.5, 0.9, 0.7]), 10
    )
    assert pairs.tolist() == [[0, 2], [1, 3]]
    assert alike.tolist() == [0.7, 0.9]


MILLION = """
import resource, time
import numpy as np
from training import dedup, semantic_hash

chance, count = np.random.default_rng(0), 1_000_000
codes = chance.integers(0, 256, (count, semantic_hash.BITS // 8), np.uint8)
originals, copies = chance.permutation(count)[:200_000].reshape(2, -1)
codes[copies] = codes[originals]
for _ in range(4):  # up to four bits differ
    codes[copies, chance.integers(0, 16, 100_000)] ^= 1 << chance.integers(0, 8, 100_000, np.uint8)
started = time.process_time()
found = dedup.groups(semantic_hash.near(codes, semantic_hash.RADIUS), count)
print(time.process_time() - started)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
print(len(found))
"""


@pytest.mark.long
def test_a_million_codes_are_grouped_in_seconds_and_little_memory() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MILLION], capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, gigabytes, groups = map(float, ran.stdout.split())
    assert seconds < 10
    assert gigabytes < 2
    assert groups > 0.99 * 100_000
