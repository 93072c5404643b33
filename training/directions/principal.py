"""Principal directions of the first layer's output, in closed form.

Before its ReLU the first layer is affine in z: y = s * (W z - mean) + bias, where s is
gain / sqrt(variance + eps) of a unit's batch normalisation (which is per unit or per feature map).
The components of z are independent with equal variance. The principal components of y over the
prior are therefore the left singular vectors of diag(s) W, and the right singular vectors are the
steps in z along them; y varies most along the first.
"""

from __future__ import annotations

import torch

from dcgan.models.networks import Generator

DEFAULT_COUNT = 8
STANDARD_DEVIATION = {"uniform": 3**-0.5, "normal": 1.0}
"""Standard deviation of a component of z, and of z along any unit vector, by prior."""


@torch.no_grad()
def principal_directions(
    generator: Generator, count: int = DEFAULT_COUNT
) -> dict[str, list[float]]:
    """Return the principal directions pc1, pc2, ... as steps in z (z_size,).

    Each is one standard deviation of the prior long. Its sign, which is arbitrary, is chosen so
    that the component of largest magnitude is positive. For a class-conditional network the labels
    are held fixed.
    """
    config = generator.config
    linear, norm = ("hidden.0", "hidden.1") if config.hidden_dense else ("project", "norms.0")
    weight = generator.get_parameter(f"{linear}.weight")[:, : config.z_size].double()
    variance = generator.get_buffer(f"{norm}.running_var").double()
    scale = generator.get_parameter(f"{norm}.weight").double() / (variance + config.norm_eps).sqrt()
    units = scale.repeat_interleave(len(weight) // len(scale))
    _, _, vectors = torch.linalg.svd(units[:, None] * weight, full_matrices=False)
    directions = {}
    for number, vector in enumerate(vectors[:count], start=1):
        sign = torch.sign(vector[vector.abs().argmax()])
        directions[f"pc{number}"] = (sign * STANDARD_DEVIATION[config.prior] * vector).tolist()
    return directions
