"""What is each architecture guideline worth? The full net, and nets that break one (section 3).

    python -m training run guidelines --data ../shared/data/faces

4 hours on 2 cores with bfloat16, a net on each, beside other work (a net takes 6 to 8 minutes of a
core for itself, with pooling 18); stopped, it goes on by the same command with
the nets that it was at. Faces are halved to 32x32, and the nets
are the recipe's `faces` with maps of half the side: as deep, at less than half the cost. Each sees
115,200 pictures, the set about four times, from each of three seeds. That is a budget of pictures,
not of minutes: as many steps for all, whatever else the machine does; pooling takes 2.4 times as
long for them. What is measured is G as the step left it, because an average over steps would hide
that samples oscillate. G has collapsed where 64 pictures of it differ by less than a quarter of
what real ones do, from that step to the end. A difference counts where all seeds of one lie below
all of the other.

The paper gives no figures. It says that batch normalisation was critical to get deep generators to
begin learning and kept them from drawing one point, and that on all layers it made samples
oscillate; that nets learn their own sampling without pooling; that bounded activations are for G's
output, where they learn faster; and that LeakyReLU worked well in D.

Expect a KID of 1.14 to 1.29 of the full net. Worse from every seed: no batch normalisation in G,
in D or in both (1.84 to 2.62, one net drew all but one picture), batch normalisation everywhere
(1.35 to 1.80 at the end, up to 4.6 on the way: it oscillates, as the paper says), sigmoid in G
(1.53 to 1.74). No difference that counts: hidden dense layers (1.22 to 1.41), ReLU in D (1.04 to
1.59). Better from every seed, against the paper: pooling (0.62 to 0.92, for 2.4 times the work) and
tanh in G (0.60 to 0.93). This is a small budget on small pictures, where what learns fast wins;
which of these rows stays ahead in a long run was not tried.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from dcgan.config import ModelConfig
from dcgan.models.networks import INIT_STD, Discriminator, Generator
from training.core.trainer import NetworkFactory, best_precision, make_networks
from training.data.datasets import Images
from training.experiments import ablation
from training.metrics.evaluation import Evaluator
from training.recipes import FACES

RECIPE = dataclasses.replace(
    FACES, model=dataclasses.replace(FACES.model, image_size=32), average=0.0
)
HIDDEN = 1024
"""Width of the hidden dense layers, as in the authors' MNIST network."""
COMPARED = 1000
"""Number of images on either side of a KID; the 120 KIDs take 25 seconds each."""
POINTS = 4
"""Number of KIDs per run."""


def pooled(config: ModelConfig) -> tuple[Generator, Discriminator]:
    """Replace strides: max-pooling after D's convolutions, nearest upsampling before G's.

    The 4x4 weights are unchanged. At stride 1 an even kernel yields one row and column too few in
    D, where the pooling rounds up, and one too many in G, which are cropped.
    """
    generator, discriminator = make_networks(config)
    for i, layer in enumerate(discriminator.convolutions):
        pooling = nn.MaxPool2d(2, ceil_mode=True)
        discriminator.convolutions[i] = nn.Sequential(_unstrided(layer), pooling)
    for i, layer in enumerate(generator.convolutions):
        enlarging, cut = nn.Upsample(scale_factor=2), nn.ZeroPad2d((0, -1, 0, -1))
        generator.convolutions[i] = nn.Sequential(enlarging, _unstrided(layer), cut)
    return generator, discriminator


def not_normalised(
    config: ModelConfig, in_g: bool = False, in_d: bool = False
) -> tuple[Generator, Discriminator]:
    """Remove batch normalisation, except in G (in_g) or D (in_d); keep its gains and biases."""
    generator, discriminator = make_networks(config)
    for network, normalised in ((generator, in_g), (discriminator, in_d)):
        for i, norm in enumerate([] if normalised else network.norms):
            if isinstance(norm, nn.BatchNorm2d):
                network.norms[i] = _GainAndBias(norm)
    return generator, discriminator


def all_normalised(config: ModelConfig) -> tuple[Generator, Discriminator]:
    """Add batch normalisation after G's last convolution, before tanh, and after D's first."""
    generator, discriminator = make_networks(config)
    generator.norms.append(_norm(config, config.channels))
    discriminator.norms[0] = _norm(config, config.discriminator_widths[0])
    return generator, discriminator


def with_hidden_dense(config: ModelConfig) -> tuple[Generator, Discriminator]:
    """Add a normalised dense layer before G's projection and one after D's convolutions."""
    return make_networks(dataclasses.replace(config, hidden_dense=HIDDEN))


def rectified(config: ModelConfig) -> tuple[Generator, Discriminator]:
    """Use ReLU in D, inserted before LeakyReLU, which is the identity on its output."""
    generator, discriminator = make_networks(config)
    for i, norm in enumerate(discriminator.norms):
        discriminator.norms[i] = nn.Sequential(norm, nn.ReLU())
    return generator, discriminator


def bounded(
    config: ModelConfig, activation: Callable[[Tensor], Tensor]
) -> tuple[Generator, Discriminator]:
    """Replace G's ReLU by a bounded activation; the output stays tanh."""
    return _Activated(config, activation), Discriminator(config)


ROWS: dict[str, NetworkFactory] = {
    "the full net": make_networks,
    "pooling, no strides": pooled,
    "no batch norm": not_normalised,
    "no batch norm in G": partial(not_normalised, in_d=True),
    "no batch norm in D": partial(not_normalised, in_g=True),
    "batch norm everywhere": all_normalised,
    "hidden dense layers": with_hidden_dense,
    "ReLU in D": rectified,
    "tanh in G": partial(bounded, activation=torch.tanh),
    "sigmoid in G": partial(bounded, activation=torch.sigmoid),
}


def run(
    *,
    data: Annotated[str, typer.Option(help="Data set of 64x64 images, such as faces.")],
    images: Annotated[
        int, typer.Option(min=128, help="Number of images seen by each network.")
    ] = 115_200,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds per row.")] = 3,
    processes: Annotated[
        int, typer.Option(help="Number of parallel processes; -1: one per core.")
    ] = -1,
    out: Annotated[
        Path,
        typer.Option("--json", help="JSON file for the results; only missing runs are trained."),
    ] = Path("results/guidelines.json"),
) -> None:
    """Section 3: ablate the paper's architecture guidelines one at a time."""
    found = FACES.pictures(data)
    pictures = Images(_halved(found.train), _halved(found.held_out[:COMPARED]))
    distance = Evaluator(pictures.held_out)
    conditions = {
        "pictures": len(pictures.train),
        "images": images,
        "kid_n": distance.count,
        "precision": best_precision(),
    }

    def train(networks: NetworkFactory, seed: int) -> dict[str, Any]:
        recipe = dataclasses.replace(RECIPE, seed=seed)
        return ablation.train_and_measure(
            recipe, pictures, images, distance, networks=networks, points=POINTS
        )

    data_of = {"training": len(pictures.train), "held-out": distance.count}
    facts = ablation.run_variants(
        ROWS, seeds, conditions, data_of, out, train, typer.echo, processes
    )
    typer.echo(report(facts))


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    seeds = {len(runs) for runs in facts["trained"].values()}
    partly = " Not every row has all of its seeds yet." if len(seeds) > 1 else ""
    return (
        f"KID (n = {facts['kid_n']:,}) along {facts['images']:,} of {facts['pictures']:,} pictures "
        f"of 32x32, in {facts['precision']}. The paper gives no figures."
        f"{partly}\n\n{ablation.summary_table(facts['trained'])}"
    )


class _GainAndBias(nn.Module):
    """Per-channel affine transform with the parameters of a batch normalisation layer."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, maps: Tensor) -> Tensor:
        changed = maps * self.weight[:, None, None] + self.bias[:, None, None]
        return changed.to(maps.dtype)  # keep bfloat16 under autocast, as batch normalisation does


class _Activated(Generator):
    """Unconditional G with another activation than ReLU between its layers."""

    def __init__(self, config: ModelConfig, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__(config)
        self.activation = activation

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        gains: Mapping[int, Tensor] | None = None,
    ) -> Tensor:
        h = self.project(z).view(len(z), *self.config.layer_shapes[0])
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            h = convolution(self.activation(norm(h)))
        return torch.tanh(h)


def _norm(config: ModelConfig, maps: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(maps, eps=config.norm_eps)
    nn.init.normal_(norm.weight, 1.0, INIT_STD)
    return norm


def _unstrided(layer: nn.Module) -> nn.Module:
    """Set the stride of a convolution, transposed or not, to 1 and return it."""
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    layer.stride = (1, 1)
    return layer


def _halved(pictures: np.ndarray) -> np.ndarray:
    """Downscale by averaging blocks of 2x2 pixels: (N, C, 2H, 2W) uint8 -> (N, C, H, W) uint8."""
    count, channels, height, width = pictures.shape
    blocks = pictures.reshape(count, channels, height // 2, 2, width // 2, 2)
    return ((blocks.sum((3, 5), dtype=np.uint16) + 2) // 4).astype(np.uint8)
