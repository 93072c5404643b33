"""Every picture of a source, cut by several processes, into shards; stopped, it goes on."""

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
"""Files that a process is given at a time."""
REPORT = "prepared.json"

Cut = Callable[[bytes], tuple[list[bytes], str]]
"""A file -> the encoded pictures that it gives, and in a word what became of it, to be counted."""
_Row = tuple[str, dict[str, Any], list[bytes], str]
"""A file's name and its columns beside the picture, and what it was cut to."""


@dataclass
class Progress:
    """What is in the folder; `REPORT` says the same."""

    settings: dict[str, Any]
    files: int = 0
    """Read of the source; the next run goes on behind them."""
    pictures: int = 0
    shards: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    """How many files became what."""
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
    """Cut what `readers.read_rows` finds, in its order, until at least `limit` are written.

    cut: a function that other processes can be given. settings: what the pictures depend on beside
    the files. left_out: what became of files, by number, that are not cut. processes: -1 is one a
    core. Where `out` holds a part of the same, it goes on behind its last shard. A shard is there
    whole or not at all, and holds all pictures of its files with the columns of theirs; memory
    holds one. Raises DataError where `out` holds anything else, or nothing was found.
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
    """Take a new or empty folder, or what a run with the same arguments has left in it.

    Raises DataError for anything else, so that long work need not end with it.
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
