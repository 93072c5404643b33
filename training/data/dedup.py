"""A set without its near-duplicates (section 4.1.1): of those that hang together the first is kept.

    python -m training dedup data/lsun data/lsun-once

Every picture's centre, scaled to 32x32, gets a `semantic_hash` that is learned from the set itself.
Deviation: the paper takes equal codes for duplicates. Here codes may differ in a few bits, which
finds those that were only encoded anew or rescaled, too (`run duplicates`), and what they find is
confirmed on the 32x32 pixels, because bedrooms with the same light and shade have near codes, too.
Look at OUT/duplicates.png, the least alike first: where different pictures stand side by side, a
higher --alike parts them. The paper judged by eye, too: it removed about 275,000 of 3 million.
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
"""Correlation of duplicates' pixels: of 20,000 faces and rooms all 14 pairs above it were."""
REPORT, SHEET = "duplicates.json", "duplicates.png"
DUPLICATE = "duplicate"
PAIRS_PER_BATCH = 256
"""Files that a process is given at a time, and pairs compared."""
SHEET_PAIRS, SHEET_COLUMNS, SHEET_SCALE = 60, 6, 2
"""Pairs on the sheet, how many side by side, how much they are enlarged."""


@dataclass(frozen=True)
class Duplicates:
    """groups: numbers of pictures that hang together, the first is kept. pairs (P, 2) of them and
    the correlation of their pixels (P,), the highest first; near: how many had near codes."""

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
    """Write the shards of a set without near-duplicates, see `write_shards`, and their columns.

    source: as for `sources.rows`. alike: correlation of pixels from which on two are duplicates.
    mirrored: whether a picture's mirror image is a duplicate of it. What was found is kept in `out`
    first, so that a second run, after the first was stopped, leaves out the same. Raises DataError.
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
    """A picture that was read before, as it is."""
    return [content], "kept"


def make_thumbnails(
    source: str, file: IO[bytes], processes: int = -1
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The centres (N, 3, SIDE, SIDE) uint8 of all pictures of a set that can be read, as a map of
    an open, empty file; their numbers (N,) in the set; and those of the others."""
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
    """(3, SIDE, SIDE) uint8 of an encoded picture's centre."""
    picture = read_image(content)
    return None if picture is None else np.asarray(centre_square(picture, SIDE)).transpose(2, 0, 1)


def find_duplicates(pictures: np.ndarray, alike: float, mirrored: bool) -> Duplicates:
    """Near-duplicates among pictures (N, 3, SIDE, SIDE) uint8, also a map of a file."""
    network, count = semantic_hash.train_hash(pictures, HASH_SEED), len(pictures)
    near = candidate_pairs(
        hash_images(network, pictures, mirrored), count, semantic_hash.MAX_HAMMING_DISTANCE
    )
    pairs, found = unique_pairs(near, pair_correlations(pictures, near), count)
    order = np.argsort(-found, kind="stable")[: (found >= alike).sum()]
    return Duplicates(connected_groups(pairs[order], count), pairs[order], found[order], len(near))


def hash_images(network: SemanticHash, pictures: np.ndarray, mirrored: bool) -> np.ndarray:
    """Of N pictures; mirrored: and, as rows N to 2N - 1, of their mirror images."""
    found = network.codes(pictures)
    return np.concatenate([found, network.codes(pictures[..., ::-1])]) if mirrored else found


def candidate_pairs(codes: np.ndarray, count: int, radius: int) -> np.ndarray:
    """`semantic_hash.near_pairs`, without the pairs of a picture and its own mirror image."""
    near = semantic_hash.near_pairs(codes, radius)
    return near[near[:, 0] + count != near[:, 1]]


def pair_correlations(pictures: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(P,) correlations of N pictures' pixels, by pairs (P, 2) of rows as `hash_images` has
    them."""

    def shown(rows: np.ndarray) -> np.ndarray:
        found = pictures[rows % len(pictures)]
        return np.where((rows < len(pictures))[:, None, None, None], found, found[..., ::-1])

    parts = np.split(pairs, range(PAIRS_PER_BATCH, len(pairs), PAIRS_PER_BATCH))
    return np.concatenate([correlation(shown(part[:, 0]), shown(part[:, 1])) for part in parts])


def unique_pairs(pairs: np.ndarray, alike: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (P, 2) of pictures, the lower first, for those of rows as `hash_images` has them, and
    how alike (P,) they are: of the ways to a pair, the most alike."""
    order = np.argsort(-alike, kind="stable")
    found, first = np.unique(np.sort(pairs[order] % count, axis=1), axis=0, return_index=True)
    return found, alike[order][first]


def correlation(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, C, H, W) uint8 twice -> (N,): of each picture's values with those of the other."""
    one, other = (semantic_hash.normalise(side).flatten(1) for side in (pictures, others))
    return F.cosine_similarity(one, other).numpy()


def connected_groups(pairs: np.ndarray, count: int) -> list[list[int]]:
    """The rows, of `count`, that hang together by pairs (P, 2), rising, in order of the first."""
    # Transitively: where a is like b and b like c, all three are one group, even if a and c differ.
    # One is kept of each, which errs on the side of removing, as the paper does (section 4.1.1).
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    members = np.unique(pairs)
    order = np.argsort(labels[members], kind="stable")
    starts = np.flatnonzero(np.diff(labels[members][order])) + 1
    return sorted(group.tolist() for group in np.split(members[order], starts) if len(group))


def duplicate_sheet(pictures: np.ndarray, found: Duplicates) -> np.ndarray:
    """(H, W, 3) uint8: the least alike, side by side."""
    pairs = pictures[found.pairs[::-1][:SHEET_PAIRS]]  # (P, 2, 3, SIDE, SIDE)
    if not len(pairs):
        return np.full((SIDE, SIDE, 3), 255, np.uint8)
    tiles = np.pad(np.concatenate([pairs[:, 0], pairs[:, 1]], axis=3).transpose(0, 2, 3, 1),
        ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=255)  # fmt: skip
    return images.enlarge(images.make_grid(tiles, SHEET_COLUMNS), SHEET_SCALE)
