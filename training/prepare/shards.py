"""Every picture of a source, cut by several processes, into shards; stopped, it goes on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from dcgan.checkpoint import write_atomically
from training.sources import DataError, rows

PER_SHARD = 50_000
TOGETHER = 16
"""Files that a process is given at a time."""
REPORT = "prepared.json"

Cut = Callable[[bytes], tuple[list[bytes], str]]
"""A file -> the encoded pictures that it gives, and in a word what became of it, to be counted."""


@dataclass
class Progress:
    """What is in the folder; `REPORT` says the same, from the first shard on."""

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
    per_shard: int = PER_SHARD,
    processes: int = -1,
    say: Callable[[str], None] = print,
) -> Progress:
    """Cut what `training.sources.rows` finds, in its order, until at least `limit` are written.

    cut: a function that other processes can be given. settings: what the pictures depend on beside
    the files. processes: -1 is one a core. Where `out` holds a part of the same, it goes on behind
    its last shard. A shard is there whole or not at all, and holds all pictures of its files;
    memory holds one. Raises DataError where `out` holds anything else, or nothing was found.
    """
    done = _begun(out, {"source": source, **settings, "limit": limit})
    out.mkdir(parents=True, exist_ok=True)
    with closing(_cut(source, cut, done.files, processes)) as found:
        while not done.finished:
            shard: list[dict[str, Any]] = []
            wanted = min(per_shard, limit - done.pictures if limit else per_shard)
            for name, pictures, outcome in found:
                done.files += 1
                done.outcomes[outcome] = done.outcomes.get(outcome, 0) + 1
                shard += [{"image": {"bytes": content, "path": name}} for content in pictures]
                if len(shard) >= wanted:
                    break
            else:
                done.finished = True
            done.pictures += len(shard)
            done.finished |= limit is not None and done.pictures >= limit
            if shard:
                _write(out / f"train-{done.shards:05d}.parquet", shard)
                done.shards += 1
            write_atomically(out / REPORT, json.dumps(asdict(done), indent=1).encode())
            say(f"{done.pictures:,} pictures of {done.files:,} files")
    if not done.pictures:
        raise DataError(f"found nothing to keep in {source}: {done.outcomes or 'no pictures'}")
    return done


def _begun(out: Path, settings: dict[str, Any]) -> Progress:
    """What a run before has left. Raises DataError for another's."""
    report = out / REPORT
    if report.is_file():
        done = Progress(**json.loads(report.read_text(encoding="utf-8")))
        if done.settings == settings and not done.finished:
            return done
        what = "is finished" if done.settings == settings else f"was made with {done.settings}"
        raise DataError(f"{out} {what}: give a new folder, or remove it first")
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out} is not empty: give a new folder, or remove it first")
    return Progress(settings)


def _cut(
    source: str, cut: Cut, behind: int, processes: int
) -> Generator[tuple[str, list[bytes], str]]:
    left = itertools.islice(rows(source), behind, None)
    parallel: Any = Parallel(processes, return_as="generator", batch_size=TOGETHER)  # pyright: ignore[reportArgumentType]  (no types of its own)
    yield from parallel(delayed(_named)(cut, name, content) for name, content, _ in left)


def _named(cut: Cut, name: str, content: bytes) -> tuple[str, list[bytes], str]:
    return name, *cut(content)


def _write(path: Path, shard: list[dict[str, Any]]) -> None:
    from datasets import Dataset, Features, Image

    partial = path.with_name(f".{path.name}.partial")
    Dataset.from_list(shard, Features({"image": Image()})).to_parquet(partial)
    partial.replace(path)
