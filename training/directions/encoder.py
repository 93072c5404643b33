"""Training of a small encoder, image -> z, that provides a starting point for GAN inversion.

    python -m training encoder weights/faces

Takes about 40 minutes on 2 cores. The encoder is trained on samples of G only. Each sample is also
used in an augmented version that imitates how photographs differ from samples (shift, scale,
lighting, blur, noise), with the same target z. The accuracy on samples that training never uses is
written to encoder.json and to the checkpoint's card.
"""

from __future__ import annotations

import math
import re
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan.analysis import encoder
from dcgan.analysis.encoder import Encoder
from dcgan.config import ModelConfig
from dcgan.latents import operations
from dcgan.models import checkpoint
from dcgan.models.checkpoint import CheckpointError
from dcgan.models.networks import Generator
from training.core.matmul_convolution import use_matrix_products
from training.core.trainer import best_precision
from training.data.sampler import random_generator

WIDTHS = (32, 64, 128, 256)
MINUTES, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 40.0, 64, 1e-3, 0.01
WARM_UP_SHARE = 0.05
"""Share of the training time with a rising learning rate; a cosine decay follows."""
SEED = 7
TEST_SAMPLES, TEST_SEED = 512, 11
MAX_SHIFT, MAX_SCALE, MAX_LIGHT, MAX_NOISE = 0.06, 0.06, 0.15, 0.04
"""Strength of the augmentation: shift and scale in half sides of the image; changes of lighting and
standard deviation of the noise in half ranges of the pixel values."""
LOG_INTERVAL = 50
CARD_TITLE = "## Encoder"


def train_encoder(
    folder: Path, say: Callable[[str], None], minutes: float = MINUTES
) -> dict[str, Any]:
    """Train an encoder for a checkpoint; write it and its section of the card to the folder.

    Returns the content of encoder.json. Raises CheckpointError, also for a class-conditional G.
    """
    weights = checkpoint.load(folder)
    if weights.config.classes:
        raise CheckpointError(
            f"{folder} draws classes, and an encoder finds none: give another checkpoint"
        )
    generator = weights.generator().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)
    torch.manual_seed(SEED)  # the initial weights
    network = Encoder(weights.config, WIDTHS).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    samples = _fit(generator, network, minutes, say)
    report = measure_encoder(weights.generator(), network)
    facts = {"samples": samples, "minutes": minutes, "held_out": report}
    encoder.save_encoder(folder, network, facts)
    card = replace_card_section(weights.card, card_section(network, facts))
    checkpoint.write_atomically(folder / checkpoint.CARD, card.encode())
    return facts


def _fit(generator: Generator, network: Encoder, minutes: float, say: Callable[[str], None]) -> int:
    """Train the network by least squares in z and return the number of samples seen.

    The network is in eval mode afterwards.
    """
    half = best_precision() == "bf16"
    if half:
        use_matrix_products(generator)
        use_matrix_products(network)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    began, step, total = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * min(
                done / WARM_UP_SHARE, (1 + math.cos(math.pi * done)) / 2
            )
        z = torch.from_numpy(_draw_batch(generator.config, step))
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            with torch.no_grad():
                pictures = generator(z).float()
            both = torch.cat(
                [pictures, simulate_photographs(pictures, random_generator(SEED, "changes", step))]
            )
            found = network(both.contiguous(memory_format=torch.channels_last))
        loss = F.mse_loss(found.float(), torch.cat([z, z]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        total += loss.item()
        if step % LOG_INTERVAL == 0:
            say(
                f"{step * BATCH_SIZE:,} samples, {done:.0%}, squared error in z "
                f"{total / LOG_INTERVAL:.4f}"
            )
            total = 0.0
    network.eval().requires_grad_(False)
    return step * BATCH_SIZE


def _draw_batch(config: ModelConfig, step: int) -> np.ndarray:
    """Sample the latents of a step: (BATCH_SIZE, z_size) float32."""
    source, shape = random_generator(SEED, "encoder's z", step), (BATCH_SIZE, config.z_size)
    if config.prior == "uniform":
        return source.uniform(-1, 1, shape).astype(np.float32)
    return source.standard_normal(shape).astype(np.float32)


def simulate_photographs(pictures: Tensor, source: np.random.Generator) -> Tensor:
    """Augment samples (N, C, H, W) so that they resemble photographs."""
    count, channels = pictures.shape[:2]

    def between(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(source.uniform(low, high, shape).astype(np.float32))

    places = torch.zeros(count, 2, 3)
    places[:, 0, 0] = places[:, 1, 1] = between(1 - MAX_SCALE, 1 + MAX_SCALE, count)
    places[:, :, 2] = between(-MAX_SHIFT, MAX_SHIFT, count, 2)
    grid = F.affine_grid(places, list(pictures.shape), align_corners=False)
    x = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    soft = between(0, 1, count, 1, 1, 1)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = x + soft * (blurred - x)
    x = x * between(1 - MAX_LIGHT, 1 + MAX_LIGHT, count, 1, 1, 1)
    x = x + between(-MAX_LIGHT, MAX_LIGHT, count, channels, 1, 1)
    grain = torch.from_numpy(source.standard_normal(x.shape, np.float32))
    x = x + between(0, MAX_NOISE, count, 1, 1, 1) * grain
    return x.clamp(pictures.amin(), pictures.amax())


@torch.inference_mode()
def measure_encoder(generator: Generator, network: Encoder) -> dict[str, float]:
    """Measure the encoder on test samples without augmentation.

    Returns samples, correlation (of predicted and true values of z), relative_error (median length
    of the error relative to z's) and pixels (median root mean square difference of the
    reconstruction in grey levels of 255).
    """
    config = generator.config
    z = operations.draw_latents(TEST_SEED, 0, TEST_SAMPLES, config.z_size, config.prior).astype(
        np.float32
    )
    found, apart = [], []
    for part in torch.from_numpy(z).split(BATCH_SIZE):
        pictures = generator(part)
        guess = network(pictures)
        found.append(guess)
        apart.append((generator(guess) - pictures).square().mean((1, 2, 3)))
    guesses = torch.cat(found).numpy()
    grey = 127.5 if config.output == "tanh" else 255.0
    error = np.linalg.norm(guesses - z, axis=1) / np.linalg.norm(z, axis=1)
    return {
        "samples": TEST_SAMPLES,
        "correlation": round(float(np.corrcoef(guesses.ravel(), z.ravel())[0, 1]), 4),
        "relative_error": round(float(np.median(error)), 4),
        "pixels": round(float(torch.cat(apart).sqrt().median()) * grey, 2),
    }


def card_section(network: Encoder, facts: dict[str, Any]) -> str:
    """Return the encoder's section of a card."""
    held_out = facts["held_out"]
    count = sum(p.numel() for p in network.parameters())
    text = (
        "encoder.safetensors guesses the z of a picture, where a search for it may start "
        f"(analysis/inversion.py); it is of no use without this G. {count:,} parameters, made by "
        f"`python -m training encoder` from {facts['samples']:,} samples of G in "
        f"{facts['minutes']:g} minutes; it has seen no photograph. On "
        f"{held_out['samples']} samples that it was not trained on its values correlate with the "
        f"true ones by {held_out['correlation']}, the median error has "
        f"{held_out['relative_error']} of z's length, and what G makes of it is "
        f"{held_out['pixels']} grey levels of 255 away (root mean square, median). The terms of "
        "the weights hold for it, too: it is not for identifying people."
    )
    lines = textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)
    return f"{CARD_TITLE}\n\n{lines}"


def replace_card_section(card: str, text: str) -> str:
    """Replace the encoder's section of a card, or add one, as the last section."""
    rest = re.sub(rf"\n*^{CARD_TITLE}\n.*?(?=^## |\Z)", "\n\n", card, flags=re.S | re.M)
    return f"{rest.rstrip()}\n\n{text}\n".lstrip()
