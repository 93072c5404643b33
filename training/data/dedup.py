"""Removal of near-duplicates (section 4.1.1); the first image of each group is kept.

    python -m training dedup data/lsun data/lsun-once

The centre of every image, scaled to 32x32, gets a `semantic_hash` code that is learned from the
data set itself. Deviation: the paper treats equal codes as duplicates. Here codes may differ in a
few bits, which also finds copies that were re-encoded or rescaled (`run duplicates`), and candidate
pairs are confirmed on the 32x32 pixels, because bedrooms of similar lighting have similar codes.
Inspect OUT/duplicates.png, which shows the least similar pairs first: if it has different images
side by side, raise --alike. The paper also judged by eye; it removed about 275,000 of 3 million.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from joblib import delayed
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch.nn import functional as F

from dcgan.media import images
from dcgan.models.checkpoint import write_atomically
from training.data import semantic_hash
from training.data.datasets import memory_map
from training.data.parallel import run_in_processes
from training.data.prepare.centres import centre_square
from training.data.prepare.images import UNREADABLE, read_image
from training.data.prepare.shards import Progress, open_folder, write_shards
from training.data.readers import read_rows
from training.data.semantic_hash import SIDE, SemanticHash

HASH_SEED = 14
MIN_CORRELATION = 0.955
"""Pixel correlation from which a pair counts as duplicates.

All 14 such pairs among 20,000 faces and rooms were duplicates.
"""
REPORT, SHEET = "duplicates.json", "duplicates.png"
DUPLICATE = "duplicate"
PAIRS_PER_BATCH = 256
"""Number of pairs compared at a time, and of files per task of a process."""
SHEET_PAIRS, SHEET_COLUMNS, SHEET_SCALE = 60, 6, 2
"""Number of pairs on the sheet, pairs per row, and enlargement."""


@dataclass(frozen=True)
class Duplicates:
    """Result of a search for duplicates.

    groups: rows of the images in each group. pairs (P, 2), alike (P,): pairs of duplicates and the
    correlations of their pixels, in descending order. near: number of pairs with similar codes.
    """

    groups: list[list[int]]
    pairs: np.ndarray
    alike: np.ndarray
    near: int


def deduplicate(
    source: str,
    out: Path,
    alike: float,
    mirrored: bool,
    *,
    processes: int = -1,
    say: Callable[[str], None] = print,
) -> Progress:
    """Write the shards of a data set without near-duplicates (see `write_shards`).

    source: as for `readers.read_rows`. alike: pixel correlation from which two images are
    duplicates. mirrored: whether mirror images count as duplicates.

    The duplicates found are saved in `out` first, so that a run that continues a stopped one leaves
    out the same images. Raises DataError.
    """
    settings = {"alike": alike, "mirrored": mirrored}
    open_folder(source, out, settings)
    report = out / REPORT
    if not report.is_file():
        with tempfile.TemporaryFile() as file:
            pictures, numbers, unreadable = make_thumbnails(source, file, processes)
            say(f"{len(pictures):,} pictures; learning a hash of them")
            found = find_duplicates(pictures, alike, mirrored)
            write_atomically(out / SHEET, images.encode_png(duplicate_sheet(pictures, found)))
            facts = {"pictures": len(pictures), "near": found.near, "unreadable": unreadable}
            members = [numbers[group].tolist() for group in found.groups]
            write_atomically(report, json.dumps({**facts, "groups": members}).encode())
    facts = json.loads(report.read_text(encoding="utf-8"))
    left_out = {number: DUPLICATE for _, *others in facts["groups"] for number in others}
    say(f"{len(left_out):,} duplicates in {len(facts['groups']):,} groups: see {out / SHEET}")
    left_out |= dict.fromkeys(facts["unreadable"], UNREADABLE)
    return write_shards(source, out, read_as_is, settings, left_out=left_out, processes=1, say=say)


def read_as_is(content: bytes) -> tuple[list[bytes], str]:
    """Return an encoded image unchanged; a `Cut` for images that have been read before."""
    return [content], "kept"


def make_thumbnails(
    source: str, file: IO[bytes], processes: int = -1
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Write the centres of all readable images of a data set to an open, empty file.

    Returns a map of the file (N, 3, SIDE, SIDE) uint8, the images' numbers in the data set (N,),
    and the numbers of unreadable images.
    """
    numbers, unreadable = [], []
    calls = (delayed(make_thumbnail)(content) for _, content, _ in read_rows(source))
    for number, pixels in enumerate(run_in_processes(calls, processes, PAIRS_PER_BATCH)):
        if pixels is None:
            unreadable.append(number)
        else:
            numbers.append(number)
            file.write(pixels.tobytes())
    return memory_map(file, (3, SIDE, SIDE)), np.array(numbers, np.int64), unreadable


def make_thumbnail(content: bytes) -> np.ndarray | None:
    """Return an encoded image's centre as (3, SIDE, SIDE) uint8, or None if it is unreadable."""
    picture = read_image(content)
    return None if picture is None else np.asarray(centre_square(picture, SIDE)).transpose(2, 0, 1)


def find_duplicates(pictures: np.ndarray, alike: float, mirrored: bool) -> Duplicates:
    """Find near-duplicates among images (N, 3, SIDE, SIDE) uint8, which may be memory-mapped."""
    network, count = semantic_hash.train_hash(pictures, HASH_SEED), len(pictures)
    near = candidate_pairs(
        hash_images(network, pictures, mirrored), count, semantic_hash.MAX_HAMMING_DISTANCE
    )
    pairs, found = unique_pairs(near, pair_correlations(pictures, near), count)
    order = np.argsort(-found, kind="stable")[: (found >= alike).sum()]
    return Duplicates(connected_groups(pairs[order], count), pairs[order], found[order], len(near))


def hash_images(network: SemanticHash, pictures: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return the codes of N images; if mirrored, rows N to 2N - 1 are those of mirror images."""
    found = network.codes(pictures)
    return np.concatenate([found, network.codes(pictures[..., ::-1])]) if mirrored else found


def candidate_pairs(codes: np.ndarray, count: int, radius: int) -> np.ndarray:
    """Return `semantic_hash.near_pairs` without pairs of an image and its own mirror image."""
    near = semantic_hash.near_pairs(codes, radius)
    return near[near[:, 0] + count != near[:, 1]]


def pair_correlations(pictures: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the pixel correlations (P,) of pairs (P, 2) of rows as returned by `hash_images`."""

    def shown(rows: np.ndarray) -> np.ndarray:
        found = pictures[rows % len(pictures)]
        return np.where((rows < len(pictures))[:, None, None, None], found, found[..., ::-1])

    parts = np.split(pairs, range(PAIRS_PER_BATCH, len(pairs), PAIRS_PER_BATCH))
    return np.concatenate([correlation(shown(part[:, 0]), shown(part[:, 1])) for part in parts])


def unique_pairs(pairs: np.ndarray, alike: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Convert pairs of rows as returned by `hash_images` to unique pairs of images.

    Returns pairs (P, 2), the lower row first, and their similarities (P,): the maximum over the
    pair's combinations of originals and mirror images.
    """
    order = np.argsort(-alike, kind="stable")
    found, first = np.unique(np.sort(pairs[order] % count, axis=1), axis=0, return_index=True)
    return found, alike[order][first]


def correlation(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the correlation (N,) of the pixels of corresponding images (N, C, H, W) uint8."""
    one, other = (semantic_hash.normalise(side).flatten(1) for side in (pictures, others))
    return F.cosine_similarity(one, other).numpy()


def connected_groups(pairs: np.ndarray, count: int) -> list[list[int]]:
    """Return the connected components of pairs (P, 2) over `count` rows.

    Rows within a group, and groups by their first row, are in ascending order.
    """
    # Transitive: if a is like b and b like c, all three form a group, even if a and c differ. One
    # image is kept of each, which errs on the side of removing, as the paper does (section 4.1.1).
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    members = np.unique(pairs)
    order = np.argsort(labels[members], kind="stable")
    starts = np.flatnonzero(np.diff(labels[members][order])) + 1
    return sorted(group.tolist() for group in np.split(members[order], starts) if len(group))


def duplicate_sheet(pictures: np.ndarray, found: Duplicates) -> np.ndarray:
    """Return a sheet (H, W, 3) uint8 of the least similar pairs, side by side."""
    pairs = pictures[found.pairs[::-1][:SHEET_PAIRS]]  # (P, 2, 3, SIDE, SIDE)
    if not len(pairs):
        return np.full((SIDE, SIDE, 3), 255, np.uint8)
    tiles = np.pad(np.concatenate([pairs[:, 0], pairs[:, 1]], axis=3).transpose(0, 2, 3, 1),
        ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=255)  # fmt: skip
    return images.enlarge(images.make_grid(tiles, SHEET_COLUMNS), SHEET_SCALE)
