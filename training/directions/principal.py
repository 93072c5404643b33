"""Principal directions of the first layer's output, in closed form.

The first layer is linear in z up to its ReLU: y = s * (W z - mean) + bias, where a unit's s is
gain / sqrt(variance + eps) of its batch normalisation (of its map's, where that is per map). z has
independent components of equal variance, so the principal components of y over the prior are the
left singular vectors of diag(s) W, and the steps in z that move y along them the right ones: along
the first, y varies most.
"""

from __future__ import annotations

import torch

from dcgan.models.networks import Generator

DEFAULT_COUNT = 8
STANDARD_DEVIATION = {"uniform": 3**-0.5, "normal": 1.0}
"""Of one component of z, hence of z along any vector of length one."""


@torch.no_grad()
def principal_directions(
    generator: Generator, count: int = DEFAULT_COUNT
) -> dict[str, list[float]]:
    """pc1, pc2, ... -> steps in z (z_size,), each one standard deviation of the prior long.

    A direction and its opposite are alike; the one whose largest component is positive is taken.
    Labels are held fixed where the network has classes.
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
