"""Speed of decoding a training set, compared with a DataLoader over the same files.

    python -m benchmarks.load_speed [--pictures 80000] [--json FILE]      1 minute

Images are 64x64 JPEGs of about 3 kB in parquet, as written by `prepare`. Our `load_images` decodes
every image once, with a process per core, splits them by hash and writes the file that training
reads from; the start of the processes is included. The baseline is common practice: the datasets
library decodes in the workers of torch's DataLoader, one per core, in every epoch.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from PIL import Image
from torch.utils.data import DataLoader

from benchmarks import Figure, machine
from training.data.datasets import load_images

SIZE, DIFFERENT, SHARD = 64, 2000, 10_000


def main(
    pictures: Annotated[int, typer.Option(help="Number of images.", min=SHARD)] = 80_000,
    file: Annotated[Path | None, typer.Option("--json", help="JSON file for the figures.")] = None,
) -> None:
    """Compare the speed of decoding a data set with a DataLoader's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "set", pictures)
        started = time.perf_counter()
        found = load_images(folder / "set", SIZE, 3)
        ours = pictures / (time.perf_counter() - started)
        assert len(found.train) + len(found.held_out) == pictures
        started = time.perf_counter()
        assert plain_loader(folder) == pictures
        peer = pictures / (time.perf_counter() - started)
    figure = Figure("pictures read", round(ours), "pictures/s", "higher", round(peer))
    print(figure)
    print(machine())
    if file:
        file.write_text(json.dumps([figure.as_dict()], indent=2) + "\n")


def write(folder: Path, pictures: int) -> None:
    """Write parquet shards of random smooth images."""
    random = np.random.default_rng(0)
    contents = []
    for _ in range(DIFFERENT):
        small = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        content = io.BytesIO()
        small.resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(
            content, "JPEG", quality=95, subsampling=0
        )
        contents.append(content.getvalue())
    folder.mkdir()
    for start in range(0, pictures, SHARD):
        rows: list[dict[str, Any]] = [
            {"image": {"bytes": contents[number % DIFFERENT], "path": f"{number}.jpg"}}
            for number in range(start, min(start + SHARD, pictures))
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"train-{start:08d}.parquet")


def plain_loader(folder: Path) -> int:
    """Read every image as an array and return their number."""
    files = sorted(str(path) for path in (folder / "set").iterdir())
    found = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(folder / "cache")
    )
    assert isinstance(found, datasets.Dataset)
    pictures = found.cast_column("image", datasets.Image())
    loader = DataLoader(
        pictures,  # pyright: ignore[reportArgumentType]  (it has what a Dataset must have)
        batch_size=128,
        num_workers=os.cpu_count() or 1,
        collate_fn=as_arrays,
    )
    return sum(len(batch) for batch in loader)


def as_arrays(rows: list[dict[str, Any]]) -> np.ndarray:
    """Stack the images of some rows: (N, H, W, 3) uint8."""
    return np.stack([np.asarray(row["image"].convert("RGB")) for row in rows])


if __name__ == "__main__":
    typer.run(main)
