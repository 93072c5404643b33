"""Importer of the authors' SVHN networks of 2015 (section 5.2).

Their code (Newmu/dcgan_code) stores each parameter in a numbered .npy file in Theano's layout:
dense weights are (inputs, outputs), and kernels are those of true convolutions. torch computes
cross-correlations, so that kernels are rotated by 180 degrees.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from dcgan.config import SVHN
from dcgan.latents import operations
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.networks import Discriminator, Generator
from training.core.batch_norm import STATISTICS_SAMPLES, STATISTICS_SEED, fix_statistics

BATCH_SIZE = 128

_GENERATOR = "200_gen_params.jl_{:02}.npy", (
    "project.weight", "norms.0.weight", "norms.0.bias",
    "convolutions.0.weight", "norms.1.weight", "norms.1.bias",
    "convolutions.1.weight", "norms.2.weight", "norms.2.bias",
    "convolutions.2.weight",
)  # fmt: skip
_DISCRIMINATOR = "200_discrim_params.jl_{:02}.npy", (
    "convolutions.0.weight",
    "convolutions.1.weight", "norms.1.weight", "norms.1.bias",
    "convolutions.2.weight", "norms.2.weight", "norms.2.bias",
    "score.weight",
)  # fmt: skip

_CARD = f"""\
---
license: mit
tags: [dcgan, svhn]
---

# The authors' SVHN networks

Generator and discriminator of "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks" (arXiv 1511.06434, section 5.2), trained for 200 epochs by its
authors in 2015 on 32x32 house numbers (SVHN). Source: <https://github.com/Newmu/dcgan_code>, folder
`models/svhn_unsup_all_conv_dcgan_100z_gaussian_lr_0.0005_64mb`.

## Deviations

- Batch normalisation: the authors normalise with the statistics of each batch and store none. Here
  they are fixed, as averages of per-batch means and (unbiased) variances: G's over
  {STATISTICS_SAMPLES:,} z, D's over the images of these, in batches of {BATCH_SIZE}.
  With these D's scores of photographs are too low; for features of photographs (section 5) the
  authors estimate D's statistics over the photographs: do so as well.
- Weights are rounded to half precision.

## Terms

The MIT License (MIT)

Copyright (c) 2015 Alec Radford

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def import_theano(source: Path, out: Path) -> Checkpoint:
    """Write the authors' parameters in the folder `source` as a checkpoint to `out`.

    Raises CheckpointError for a file that is missing, damaged or of another shape.
    """
    generator, discriminator = read_networks(source)
    fix_statistics(generator, STATISTICS_SAMPLES, BATCH_SIZE)
    _fix_discriminator(discriminator, generator)
    return checkpoint.save(out, generator, discriminator, _CARD)


def read_networks(source: Path) -> tuple[Generator, Discriminator]:
    """Read the authors' G and D: float32, in training mode, without running statistics."""
    generator, discriminator = Generator(SVHN), Discriminator(SVHN)
    _read(source, generator, *_GENERATOR)
    _read(source, discriminator, *_DISCRIMINATOR)
    return generator, discriminator


@torch.no_grad()
def _read(folder: Path, network: nn.Module, file_name: str, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names, start=1):
        parameter = network.get_parameter(name)
        array = _array(folder / file_name.format(number), tuple(parameter.shape))
        parameter.copy_(torch.from_numpy(array))


def _array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read a parameter and convert it to torch's layout. Raises CheckpointError.

    shape: its shape in torch.
    """
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise CheckpointError(
            f"there is no {path}: give the folder with the authors' "
            f"{_GENERATOR[0].format(1)} and its companions"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} can't be read as a numpy array ({error}): copy or download it again"
        ) from None
    expected = shape[::-1] if len(shape) == 2 else shape
    if array.shape != expected:
        raise CheckpointError(
            f"{path} has shape {array.shape}, but the authors' SVHN network has {expected} there"
        )
    if array.ndim == 2:
        array = array.T
    elif array.ndim == 4:
        array = array[:, :, ::-1, ::-1]
    return np.ascontiguousarray(array)


@torch.no_grad()
def _fix_discriminator(discriminator: Discriminator, generator: Generator) -> None:
    """Estimate D's running statistics on the samples used for G's."""
    z = operations.draw_latents(
        STATISTICS_SEED, 0, STATISTICS_SAMPLES, SVHN.z_size, SVHN.prior
    ).astype(np.float32)
    update_bn([generator(part) for part in torch.from_numpy(z).split(BATCH_SIZE)], discriminator)
