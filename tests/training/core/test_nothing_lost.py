"""What a run has learned outlives kills, a full disk and a shard that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset, Features, Image
from safetensors.torch import load_file

from dcgan.models import checkpoint
from tests.training import small
from training.core.loop import Budget, Run
from training.core.state import newest_facts
from training.data import readers
from training.data.datasets import load_images
from training.data.readers import DataError, read_rows

ROOT = Path(__file__).parents[3]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


def assert_same_as_uninterrupted(out: Path, data: Path | None = None) -> None:
    step = newest_facts(out)["step"]
    pictures = load_images(data, 16, 3) if data else small.images()
    whole = Run(small.RECIPE, pictures, out.with_name("whole"), "no")
    whole.train(Budget(steps=step, checkpoint_epochs=()), lambda _: None)
    found, expected = (load_file(small.states(run)[-1]) for run in (out, whole.out))
    assert found.keys() == expected.keys()
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []


HUNDRED = pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(1800)])


@pytest.mark.parametrize("kills", [4, HUNDRED])
def test_killed_at_random_moments_it_goes_on(tmp_path: Path, kills: int) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "tests.training.killed", str(out), str(kills)]
    done = subprocess.run(
        command, cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > kills / 3, "or the kills hit nothing but imports"
    assert (out / "said").read_text() == "", "no state was damaged"
    for folder in (out / "checkpoints").glob("[0-9]*"):
        weights = checkpoint.load(folder)
        weights.generator(), weights.discriminator()
    assert len(list((out / "states").glob(".*"))) <= 1
    assert_same_as_uninterrupted(out)


def test_a_full_disk_is_a_sentence_and_leaves_a_state_to_go_on_from(tmp_path: Path) -> None:
    """Really full: a disk in memory with room for two states, which grows before it goes on."""
    disk, data = tmp_path / "disk", small.write_folder(tmp_path / "data")
    disk.mkdir()
    train = (
        f"'{sys.executable}' -m tests.training.small train small --data '{data}' "
        f"--out '{disk}/run' --precision no --steps"
    )
    script = f"""
        mount -t tmpfs -o size=170k tmpfs '{disk}' || exit 77
        {train} 60 && exit 1
        mount -o remount,size=64m '{disk}'
        {train} 60 --resume && cp -r '{disk}/run' '{tmp_path}/run'
    """
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    if done.returncode in (1, 77) and "permitted" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    sentence = "could not be kept ([Errno 28] No space left on device), the last whole state is of"
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert_same_as_uninterrupted(tmp_path / "run", data)


def shards(folder: Path) -> list[Path]:
    """Two, of 20 pictures each."""
    folder.mkdir()
    pictures = [{"image": {"bytes": small.png(p), "path": None}} for p in small.pictures(40)]
    for number in range(2):
        part = pictures[20 * number :][:20]
        path = folder / f"train-{number:05d}.parquet"
        Dataset.from_list(part, Features({"image": Image()})).to_parquet(path)
    return sorted(folder.iterdir())


def test_a_shard_that_vanishes_while_it_trains_is_not_missed(tmp_path: Path) -> None:
    _, second = shards(tmp_path / "data")
    run = Run(small.RECIPE, load_images(tmp_path / "data", 16, 3), tmp_path / "run", "no")
    kept = second.read_bytes()

    def say(line: str) -> None:
        if line.startswith("checkpoint"):
            second.unlink(missing_ok=True)

    run.train(Budget(steps=12, checkpoint_epochs=(1,)), say)
    assert not second.exists()
    again = Run(small.RECIPE, load_images(tmp_path / "data", 16, 3), tmp_path / "run", "no")
    with pytest.raises(ValueError, match="was trained on other pictures than these"):
        again.resume()
    second.write_bytes(kept)
    assert_same_as_uninterrupted(tmp_path / "run", tmp_path / "data")


def test_a_shard_that_vanishes_while_it_is_read_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "ROWS_PER_READ", 5)
    _, second = shards(tmp_path / "data")
    found = read_rows(tmp_path / "data")
    next(found)
    second.unlink()
    with pytest.raises(DataError, match=r"data is no folder of pictures.*train-00001\.parquet"):
        list(found)
