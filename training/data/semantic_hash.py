"""Semantic hash: a 128-bit code of an image that is similar for near-duplicates (section 4.1.1).

As in the paper, the code is given by the active ReLU units of a 3072-128-3072 de-noising
autoencoder with dropout. Choices that the paper leaves open: images are normalised for brightness
and contrast, and the noise consists of a shift by a pixel besides additive Gaussian noise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.data.sampler import BatchSampler, random_generator

SIDE, BITS = 32, 128
MAX_HAMMING_DISTANCE = 10
"""Largest Hamming distance of the codes of near-duplicates."""
TRAINING_STEPS, BATCH_SIZE, LEARNING_RATE = 2000, 128, 1e-3
INPUT_NOISE, MAX_SHIFT, INPUT_DROPOUT = 0.2, 1, 0.2
"""Standard deviation of the additive noise in units of the contrast; largest shift in pixels;
dropout probability of the inputs."""
MIN_CONTRAST = 5.0
"""Offset added to the contrast (of 255), so that empty images are not amplified."""
HASH_TABLES, NEIGHBOURS_PER_TABLE = 8, 4
"""Number of sort orders of the approximate search, and of neighbours compared in each."""
CODES_PER_BATCH = 1024
"""Number of images hashed at a time."""


class SemanticHash(nn.Module):
    """Autoencoder of normalised images. mean: mean image (3072,), subtracted from the inputs."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(3 * SIDE**2, BITS)
        self.decode = nn.Linear(BITS, 3 * SIDE**2)
        self.register_buffer("mean", torch.zeros(3 * SIDE**2))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct inputs (N, 3072)."""
        return self.decode(F.relu(self.encode(F.dropout(x, INPUT_DROPOUT, self.training))))

    @torch.inference_mode()
    def codes(self, pictures: np.ndarray) -> np.ndarray:
        """Return the codes (N, BITS / 8) uint8 of images (N, 3, SIDE, SIDE) uint8."""
        on = [
            np.packbits(self.encode(normalise(part).flatten(1) - self.mean) > 0, axis=1)
            for part in np.split(pictures, range(CODES_PER_BATCH, len(pictures), CODES_PER_BATCH))
        ]
        return np.concatenate(on)


def train_hash(
    pictures: np.ndarray, seed: int, progress: Callable[[int], None] = lambda step: None
) -> SemanticHash:
    """Train a hash on images (N, 3, SIDE, SIDE) uint8, which may be memory-mapped.

    progress: called after each of `TRAINING_STEPS` steps. Raises DataError for fewer than
    `BATCH_SIZE` images.
    """
    batches = BatchSampler(pictures, BATCH_SIZE, seed, mirror=False)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = SemanticHash()
        some = pictures[
            np.sort(random_generator(seed, "mean", 0).permutation(len(pictures))[:10_000])
        ]
        network.mean = normalise(some).flatten(1).mean(0)
        optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, TRAINING_STEPS)
        for step in range(TRAINING_STEPS):
            x = normalise(batches.at(step)[0])
            by = torch.randint(-MAX_SHIFT, MAX_SHIFT + 1, (2,), generator=generator).tolist()
            noisy = x.roll(by, (2, 3)) + INPUT_NOISE * torch.randn(x.shape, generator=generator)
            found = network(noisy.flatten(1) - network.mean)
            loss = F.mse_loss(found, x.flatten(1) - network.mean)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            progress(step + 1)
    return network.eval()


def normalise(pictures: np.ndarray) -> Tensor:
    """Normalise each image (N, C, H, W) uint8 to mean 0 and a standard deviation of about 1."""
    x = torch.from_numpy(pictures.astype(np.float32))
    deviation, mean = torch.std_mean(x, dim=(1, 2, 3), keepdim=True)
    return (x - mean) / (deviation + MIN_CONTRAST)


def near_pairs(codes: np.ndarray, radius: int) -> np.ndarray:
    """Find pairs (P, 2) of codes (N, BITS / 8) uint8 that differ in at most `radius` bits.

    Codes are sorted by a random half of their bits, `HASH_TABLES` times, and each is compared with
    the next `NEIGHBOURS_PER_TABLE`. This is linear apart from the sorting, but misses some pairs (1
    in 40 of images shifted by a pixel, among 400,000 others). Equal codes form connected groups,
    but not every pair of them is returned. The lower row of a pair comes first.
    """
    bits = np.ascontiguousarray(np.unpackbits(codes, axis=1).T)
    words = codes.view(np.uint64)
    found = [np.empty((0, 2), np.int64)]
    for table in range(HASH_TABLES):
        drawn = random_generator(0, "bits", table).permutation(BITS)[:64]
        keys = np.ascontiguousarray(np.packbits(bits[drawn], axis=0).T).view(">u8").ravel()
        order = np.argsort(keys.astype(np.uint64))
        ordered = words[order]
        for step in range(1, NEIGHBOURS_PER_TABLE + 1):
            differing = np.bitwise_count(ordered[step:] ^ ordered[:-step]).sum(1, dtype=np.uint8)
            close = np.flatnonzero(differing <= radius)
            found.append(np.stack([order[close], order[close + step]], axis=1))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
