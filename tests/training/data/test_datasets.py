"""Pictures from files: what is read, what is left out, and in which order it comes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image

from tests.training import small
from tests.training.hub import serve
from training.data import datasets
from training.data.datasets import DEFAULT_HELD_OUT, Images, hash_position, load_images
from training.data.readers import DataError, decode_image
from training.data.sampler import BatchSampler


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path.parent


def row(content: bytes | None, path: str | None = None, **columns: Any) -> dict[str, Any]:
    return {"image": {"bytes": content, "path": path}, **columns}


def as_set(*parts: np.ndarray) -> set[bytes]:
    return {picture.tobytes() for part in parts for picture in part}


def test_parquet_and_folder_hold_the_same_pictures(tmp_path: Path) -> None:
    pictures = small.pictures(60)
    folder = small.write_folder(tmp_path / "folder" / "deep", 60).parent
    (folder / "notes.txt").write_text("not a picture")
    rows = [row(small.png(picture)) for picture in pictures]
    write_parquet(tmp_path / "parquet" / "train-0.parquet", rows[:30])
    table = write_parquet(tmp_path / "parquet" / "train-1.parquet", rows[30:])
    write_parquet(table / "test-0.parquet", [row(small.png(small.pictures(1, seed=9)[0]))])

    for found in load_images(folder, 16, 3), load_images(str(table), 16, 3):
        assert as_set(found.train, found.held_out) == as_set(pictures)
        assert len(found.train) + len(found.held_out) == 60
        assert 0 < len(found.held_out) < 15
        assert found.train.shape[1:] == (3, 16, 16)
        assert found.train.dtype == np.uint8
        assert found.skipped == {}
    assert load_images(folder, 16, 3).report() == (
        f"{len(found.train)} pictures to train on, {len(found.held_out)} held out"
    )


def test_what_can_not_be_used_is_counted_named_and_skipped(tmp_path: Path) -> None:
    folder = small.write_folder(tmp_path, 20)
    whole = small.png(small.pictures(1)[0])
    (folder / "a cut.png").write_bytes(whole[:200])
    (folder / "a text.jpg").write_text("not a picture at all")
    (folder / "b wide.png").write_bytes(small.png(np.zeros((3, 16, 17), np.uint8)))
    grey = small.pictures(1, channels=1)[0]
    (folder / "c grey.png").write_bytes(small.png(grey))
    (folder / "d grey in colours.png").write_bytes(small.png(grey.repeat(3, axis=0)))

    found = load_images(folder, 16, 3)
    assert found.skipped == {
        "broken": ["a cut.png", "a text.jpg"],
        "not 16x16": ["b wide.png"],
        "grey": ["c grey.png", "d grey in colours.png"],
    }
    assert len(found.train) + len(found.held_out) == 20
    assert found.report().endswith(
        "; skipped 2 broken (a cut.png, a text.jpg); skipped 1 not 16x16 (b wide.png)"
        "; skipped 2 grey (c grey.png, d grey in colours.png)"
    )
    one_channel = load_images(folder, 16, 1)
    assert one_channel.train.shape[1:] == (1, 16, 16)
    assert "grey" not in one_channel.skipped
    assert as_set(grey[None]) <= as_set(one_channel.train, one_channel.held_out)


def test_other_modes_are_read_as_colours(tmp_path: Path) -> None:
    picture = np.zeros((3, 16, 16), np.uint8)
    picture[0] = 255
    image = Image.fromarray(picture.transpose(1, 2, 0))
    for number, mode in enumerate(("RGB", "RGBA", "P", "CMYK")):
        image.convert(mode).save(tmp_path / f"{number}.{'tiff' if mode == 'CMYK' else 'png'}")
    found = load_images(tmp_path, 16, 3)
    assert found.skipped == {}
    assert as_set(found.train, found.held_out) == as_set(picture[None])


@pytest.mark.parametrize("subsampling", [0, 1, 2], ids=["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("turned", [False, True])
def test_jpegs_are_decoded_as_pillow_does(subsampling: int, turned: bool) -> None:
    picture = Image.fromarray(small.pictures(1)[0].transpose(1, 2, 0)).resize((64, 64))
    exif = Image.Exif()
    if turned:
        exif[ExifTags.Base.Orientation] = 6  # a quarter to the right: as stored, all the same
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=80, subsampling=subsampling, exif=exif)
    expected = np.asarray(Image.open(content)).transpose(2, 0, 1)
    np.testing.assert_array_equal(decode_image(content.getvalue(), 64, 3), expected)


def test_jpegs_that_are_cut_off_or_grey_are_left_out() -> None:
    content, grey, cmyk = io.BytesIO(), io.BytesIO(), io.BytesIO()
    picture = Image.fromarray(small.pictures(1)[0].transpose(1, 2, 0))
    picture.save(content, "JPEG", quality=95)
    picture.convert("L").save(grey, "JPEG", quality=95)
    picture.convert("CMYK").save(cmyk, "JPEG", quality=95)
    assert decode_image(content.getvalue()[:-200], 16, 3) == "broken"
    assert decode_image(grey.getvalue(), 16, 3) == "grey"
    expected = np.asarray(Image.open(cmyk).convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(decode_image(cmyk.getvalue(), 16, 3), expected)


def test_a_jpeg_that_claims_to_be_gigantic_is_left_out() -> None:
    content = io.BytesIO()
    Image.fromarray(small.pictures(1)[0].transpose(1, 2, 0)).save(content, "JPEG")
    damaged = bytearray(content.getvalue())
    sides = damaged.index(b"\xff\xc0") + 5  # of the frame's header
    damaged[sides : sides + 4] = b"\xff\xdc\xff\xdc"
    assert decode_image(bytes(damaged), 16, 3) == "broken"


def test_one_coloured_pixel_is_enough() -> None:
    picture = np.zeros((3, 16, 16), np.uint8)
    assert isinstance(decode_image(small.png(picture), 16, 3), str)
    picture[0, 3, 3] = 1
    np.testing.assert_array_equal(decode_image(small.png(picture), 16, 3), picture)


def test_large_sets_are_decoded_by_several_processes_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small.write_folder(tmp_path, 40)
    (folder / "020 text.jpg").write_text("not a picture at all")
    alone = load_images(folder, 16, 3)
    monkeypatch.setattr(datasets, "IMAGES_PER_TASK", 3)
    monkeypatch.setattr(datasets, "MIN_TASKS_FOR_PROCESSES", 2)
    together = load_images(folder, 16, 3)
    np.testing.assert_array_equal(together.train, alone.train)
    np.testing.assert_array_equal(together.held_out, alone.held_out)
    assert together.skipped == alone.skipped == {"broken": ["020 text.jpg"]}


def test_a_source_that_breaks_off_is_an_error_in_several_processes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "IMAGES_PER_TASK", 3)
    monkeypatch.setattr(datasets, "MIN_TASKS_FOR_PROCESSES", 2)

    def rows(*_: object) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
        for number, picture in enumerate(small.pictures(30)):
            if number == 20:
                raise DataError("a shard is gone")
            yield f"{number}", small.png(picture), {}

    monkeypatch.setattr(datasets, "read_rows", rows)
    with pytest.raises(DataError, match="a shard is gone"):
        load_images(tmp_path, 16, 3)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_memory_is_flat_over_a_million_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = []
    for picture in small.pictures(500):
        content = io.BytesIO()
        Image.fromarray(picture.transpose(1, 2, 0)).save(content, "JPEG")
        contents.append(content.getvalue())
    process, resident = psutil.Process(), []

    def rows(*_: object) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
        for number in range(1_000_000):
            if number % 100_000 == 0:
                resident.append(process.memory_info().rss / 2**20)
            yield f"{number}", contents[number % 500], {}

    monkeypatch.setattr(datasets, "read_rows", rows)
    found = load_images("a million", 16, 3)
    assert len(found.train) + len(found.held_out) == 1_000_000
    assert max(resident) - resident[1] < 20, resident


def test_rows_without_bytes_are_read_from_their_path(tmp_path: Path) -> None:
    folder = small.write_folder(tmp_path / "files", 20)
    rows = [row(None, str(path)) for path in sorted(folder.iterdir())]
    rows += [{"image": None}, row(b"", "nothing.png")]
    found = load_images(write_parquet(tmp_path / "table" / "x.parquet", rows), 16, 3)
    assert as_set(found.train, found.held_out) == as_set(small.pictures(20))
    assert found.skipped == {"broken": ["row 20", "nothing.png"]}


def test_columns_choose_label_and_count(tmp_path: Path) -> None:
    rows = [
        row(small.png(picture), room=("bed", "bath")[i % 2], number=i, source="a" if i < 9 else "b")
        for i, picture in enumerate(small.pictures(48))
    ]
    folder = write_parquet(tmp_path / "x.parquet", rows)
    found = load_images(folder, 16, 3, keep={"room": ["bed"]}, label="number")
    assert found.labels is not None
    assert len(found.labels) == len(found.train)
    assert (found.labels % 2 == 0).all()
    assert as_set(found.train) == as_set(small.pictures(48)[found.labels])
    assert found.sources == {"a": int((found.labels < 9).sum()), "b": int((found.labels > 8).sum())}
    with pytest.raises(DataError, match=r"no column 'bedrooms', only \['number', 'room', 'source'"):
        load_images(folder, 16, 3, keep={"bedrooms": ["yes"]})
    with pytest.raises(DataError, match="no column 'class'"):
        load_images(folder, 16, 3, label="class")


def test_a_set_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"found no 16x16 pictures .*empty: it is empty. Give a"):
        load_images(empty, 16, 3)
    small.write_folder(empty, 3)
    with pytest.raises(DataError, match=r"found no 64x64 pictures to train on in .*: 3 not 64x64"):
        load_images(empty, 64, 3)
    for missing in tmp_path / "none", "./none", "a/b/c", empty / "000.png":
        with pytest.raises(DataError, match="there is no folder"):
            load_images(missing, 16, 3)
    (empty / "x.parquet").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="empty is no folder of pictures, parquet files or"):
        load_images(empty, 16, 3)
    other = write_parquet(tmp_path / "other" / "x.parquet", [{"picture": 1}])
    with pytest.raises(DataError, match=r"other has no column 'image', only \['picture'\]"):
        load_images(other, 16, 3)


def from_hub(name: str, home: Path, **environment: str) -> list[str]:
    """What is said where a data set is loaded in a process of its own."""
    code = """
import sys
from training.data.datasets import DataError, load_images
try:
    found = load_images(sys.argv[1], 16, 3)
    print(len(found.train) + len(found.held_out), sorted(found.skipped))
except DataError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, name],
        env={**os.environ, "HF_HOME": str(home), **environment},
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    return ran.stdout.splitlines()


def test_data_sets_of_the_hub_are_read_as_parquet_or_files(tmp_path: Path) -> None:
    rows = [row(small.png(picture)) for picture in small.pictures(30)]
    table = write_parquet(tmp_path / "train-0.parquet", rows) / "train-0.parquet"
    folder = small.write_folder(tmp_path / "pictures", 20)
    for files, count in (([table], 30), (sorted(folder.iterdir()), 20)):
        with serve({path.name: path.read_bytes() for path in files}) as address:
            said = from_hub("user/faces", tmp_path / f"home {count}", HF_ENDPOINT=address)
        assert said == [f"{count} []"]


def test_a_data_set_that_the_hub_has_not_is_a_sentence(tmp_path: Path) -> None:
    with serve({}) as address:
        [said] = from_hub("nobody/nothing", tmp_path, HF_ENDPOINT=address)
    assert said.startswith("nobody/nothing is no folder of pictures, parquet files or data set")
    assert "doesn't exist on the Hub" in said
    [said] = from_hub("nobody/nothing", tmp_path, HF_HUB_OFFLINE="1")
    assert "Couldn't reach 'nobody/nothing' on the Hub" in said


def test_one_in_twelve_is_held_out_wherever_it_is_found() -> None:
    contents = [f"picture {i}".encode() for i in range(6000)]
    sides = [hash_position(content, {}) < DEFAULT_HELD_OUT for content in contents]
    assert 430 < sum(sides) < 570
    assert [i for i in range(60) if sides[i]] == [8, 14, 33, 58]


def test_a_person_is_on_one_side_only() -> None:
    contents = [f"picture {i}".encode() for i in range(300)]
    for person in range(40):
        sides = {
            hash_position(content, {"person": person}) < DEFAULT_HELD_OUT for content in contents
        }
        assert len(sides) == 1
    people = [hash_position(b"", {"person": person}) < DEFAULT_HELD_OUT for person in range(6000)]
    assert 430 < sum(people) < 570
    for unknown in -1, None:
        sides = [
            hash_position(content, {"person": unknown}) < DEFAULT_HELD_OUT for content in contents
        ]
        assert sides == [hash_position(content, {}) < DEFAULT_HELD_OUT for content in contents]


def test_real_faces_are_split_by_person(shared: Path) -> None:
    path = shared / "data" / "faces" / "train-00000-of-00001.parquet"
    table = pq.read_table(path, columns=["image", "person"]).slice(0, 3000)
    sides: dict[int, set[bool]] = {}
    for entry in table.to_pylist():
        if entry["person"] >= 0:
            side = hash_position(entry["image"]["bytes"], entry) < DEFAULT_HELD_OUT
            sides.setdefault(entry["person"], set()).add(side)
    assert len(sides) > 500
    assert all(len(side) == 1 for side in sides.values())


def batches(count: int = 40, **options: Any) -> BatchSampler:
    defaults: dict[str, Any] = {"batch_size": 8, "seed": 3, "mirror": False}
    return BatchSampler(small.pictures(count), **(defaults | options))


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    forwards = batches(mirror=True)
    first = [forwards.at(step)[0] for step in range(12)]
    for step in (11, 3, 7, 0):
        assert (batches(mirror=True).at(step)[0] == first[step]).all()
        assert (forwards.at(step)[0] == first[step]).all()
    assert any((batches(mirror=True, seed=4).at(step)[0] != first[step]).any() for step in (0, 1))


def test_an_epoch_has_every_picture_once() -> None:
    five = batches()
    epochs = [[five.at(5 * epoch + step)[0] for step in range(5)] for epoch in range(3)]
    for epoch in epochs:
        assert len(np.concatenate(epoch)) == 40
        assert as_set(*epoch) == as_set(small.pictures(40))
    assert (epochs[0][0] != epochs[1][0]).any(), "in a new order"
    short = batches(45)
    assert short.steps_per_epoch == 5
    drawn = [short.at(step)[0] for step in range(5)]
    assert len(as_set(*drawn)) == 40, "what is left of an epoch is dropped"


def test_mirror_flips_about_every_second_picture() -> None:
    plain, mirrored = batches(), batches(mirror=True)
    flipped = 0
    for step in range(40):
        for before, after in zip(plain.at(step)[0], mirrored.at(step)[0], strict=True):
            same, other = (before == after).all(), (before[:, :, ::-1] == after).all()
            assert same != other
            flipped += other
    assert 120 < flipped < 200
    assert as_set(mirrored.images) == as_set(small.pictures(40)), "the pictures stay as they were"


def test_labels_follow_their_pictures() -> None:
    labels = np.arange(40)
    pictures, classes = batches(labels=labels).at(7)
    assert classes is not None
    assert (small.pictures(40)[classes] == pictures).all()


def test_processes_share_a_batch() -> None:
    whole = batches(mirror=True).at(6)[0]
    parts = [batches(mirror=True, process=i, processes=2).at(6)[0] for i in range(2)]
    assert (whole[0::2] == parts[0]).all()
    assert (whole[1::2] == parts[1]).all()


def test_a_batch_that_is_larger_than_the_set_is_a_sentence() -> None:
    with pytest.raises(DataError, match="a batch has 8 pictures, but there are only 7 to train on"):
        batches(7)


def test_the_report_names_three_and_counts_all() -> None:
    names = [f"{i}.png" for i in range(5)]
    found = Images(small.pictures(2), small.pictures(1), {"broken": names})
    assert found.report() == (
        "2 pictures to train on, 1 held out; skipped 5 broken (0.png, 1.png, 2.png, ...)"
    )
