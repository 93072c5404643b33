"""Writing of parquet shards: images are cropped in several processes; a stopped run resumes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from joblib import delayed

from dcgan.models.checkpoint import write_atomically
from training.data.parallel import run_in_processes
from training.data.readers import DataError, column_types, read_rows

IMAGES_PER_SHARD = 50_000
IMAGES_PER_TASK = 16
"""Number of files per task of a process."""
REPORT = "prepared.json"

Cut = Callable[[bytes], tuple[list[bytes], str]]
"""Function from a file's content to its encoded crops and its outcome, a word to be counted."""
_Row = tuple[str, dict[str, Any], list[bytes], str]
"""A file's name, its columns beside the image, its crops and its outcome."""


@dataclass
class Progress:
    """Progress of a run, saved as `REPORT` in its folder. pictures: number of images written."""

    settings: dict[str, Any]
    files: int = 0
    """Number of files of the source that have been read; a resumed run skips them."""
    pictures: int = 0
    shards: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    """Number of files by outcome."""
    finished: bool = False


def write_shards(
    source: str,
    out: Path,
    cut: Cut,
    settings: dict[str, Any],
    *,
    limit: int | None = None,
    left_out: Mapping[int, str] = MappingProxyType({}),
    per_shard: int = IMAGES_PER_SHARD,
    processes: int = -1,
    say: Callable[[str], None] = print,
) -> Progress:
    """Crop the images of `readers.read_rows`, in order, until at least `limit` are written.

    cut: a picklable function. settings: parameters of the crops, saved for resuming. left_out:
    outcomes of files, by number, that are skipped. processes: number of processes; -1: one per
    core.

    If `out` holds a part of the same run, it is resumed after the last shard. Shards are written
    atomically, contain all crops of their files with the files' columns, and are held in memory one
    at a time. Raises DataError if `out` holds anything else or nothing was found.
    """
    done = open_folder(source, out, settings, limit)
    types = column_types(source)
    with closing(_cut(source, cut, done.files, left_out, processes)) as found:
        while not done.finished:
            shard: list[dict[str, Any]] = []
            wanted = min(per_shard, limit - done.pictures if limit else per_shard)
            for name, row, pictures, outcome in found:
                done.files += 1
                done.outcomes[outcome] = done.outcomes.get(outcome, 0) + 1
                shard += [{**row, "image": {"bytes": b, "path": name}} for b in pictures]
                if len(shard) >= wanted:
                    break
            else:
                done.finished = True
            done.pictures += len(shard)
            done.finished |= limit is not None and done.pictures >= limit
            if shard:
                _write(out / f"train-{done.shards:05d}.parquet", shard, types)
                done.shards += 1
            write_atomically(out / REPORT, json.dumps(asdict(done), indent=1).encode())
            say(f"{done.pictures:,} pictures of {done.files:,} files")
    if not done.pictures:
        raise DataError(f"found nothing to keep in {source}: {done.outcomes or 'no pictures'}")
    return done


def open_folder(
    source: str, out: Path, settings: dict[str, Any], limit: int | None = None
) -> Progress:
    """Start a run in a new or empty folder, or resume one with the same arguments.

    Raises DataError for any other folder, before the work begins.
    """
    report, settings = out / REPORT, {"source": source, **settings, "limit": limit}
    if report.is_file():
        done = Progress(**json.loads(report.read_text(encoding="utf-8")))
        if done.settings == settings and not done.finished:
            return done
        what = "is finished" if done.settings == settings else f"was made with {done.settings}"
        raise DataError(f"{out} {what}: give a new folder, or remove it first")
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out} is not empty: give a new folder, or remove it first")
    out.mkdir(parents=True, exist_ok=True)
    done = Progress(settings)
    write_atomically(report, json.dumps(asdict(done), indent=1).encode())
    return done


def _cut(
    source: str, cut: Cut, behind: int, left_out: Mapping[int, str], processes: int
) -> Generator[_Row]:
    left = itertools.islice(enumerate(read_rows(source)), behind, None)
    calls = (
        delayed(_one)(cut, name, b"" if number in left_out else content, row, left_out.get(number))
        for number, (name, content, row) in left
    )
    yield from run_in_processes(calls, processes, IMAGES_PER_TASK)


def _one(cut: Cut, name: str, content: bytes, row: dict[str, Any], outcome: str | None) -> _Row:
    return name, row, *(([], outcome) if outcome else cut(content))


def _write(path: Path, shard: list[dict[str, Any]], types: dict[str, Any]) -> None:
    from datasets import Dataset, Features, Image

    partial = path.with_name(f".{path.name}.partial")
    Dataset.from_list(shard, Features({"image": Image(), **types})).to_parquet(partial)
    partial.replace(path)
