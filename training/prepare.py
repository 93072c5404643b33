"""Pictures of any size -> shards to train on: parquet in the Hub's image format.

As the authors' code has it for LSUN and ImageNet, a picture is scaled until its shorter side fits,
and its centre is cut out.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from training.sources import DataError, rows

PER_SHARD = 50_000
QUALITY = 95
"""Of the JPEGs, with full colour resolution: about 3 kB for 64x64 pixels, quick to decode."""


def prepare(
    source: str,
    out: Path,
    size: int,
    limit: int | None = None,
    per_shard: int = PER_SHARD,
    say: Callable[[str], None] = print,
) -> dict[str, int]:
    """Cut every picture of a source (`training.sources.rows`) to size x size, into shards in `out`.

    Returns how many were kept, broken and smaller than that (these are left out, not enlarged).
    Memory holds one shard. A shard is there whole or not at all. Raises DataError where `out` is
    not empty or nothing was kept.
    """
    from datasets import Dataset, Features
    from datasets import Image as ImageColumn

    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out} is not empty: give a new folder, or remove it first")
    out.mkdir(parents=True, exist_ok=True)
    counts = {"kept": 0, "broken": 0, "small": 0}
    features = Features({"image": ImageColumn()})
    cut = _cut(source, size, counts, limit)
    for number in itertools.count():
        shard = list(itertools.islice(cut, per_shard))
        if not shard:
            break
        partial = out / f".train-{number:05d}.parquet.partial"
        Dataset.from_list(shard, features).to_parquet(partial)
        partial.replace(out / f"train-{number:05d}.parquet")
        say(f"{counts['kept']:,} pictures")
    if not counts["kept"]:
        raise DataError(f"found no pictures of at least {size}x{size} in {source}: {counts}")
    return counts


def _cut(
    source: str, size: int, counts: dict[str, int], limit: int | None
) -> Iterator[dict[str, Any]]:
    for name, content, _ in rows(source):
        if counts["kept"] == limit:
            return
        try:
            with Image.open(io.BytesIO(content)) as picture:
                if min(picture.size) < size:
                    counts["small"] += 1
                    continue
                fitted = ImageOps.fit(picture.convert("RGB"), (size, size), Image.Resampling.BOX)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            counts["broken"] += 1
            continue
        encoded = io.BytesIO()
        fitted.save(encoded, "JPEG", quality=QUALITY, subsampling=0)
        counts["kept"] += 1
        yield {"image": {"bytes": encoded.getvalue(), "path": name}}
