"""Latent operations (section 6): sampling, interpolation, arithmetic, turns; gains of edits.

Latents are float64 and come from a random generator that is a pure function of (seed, index), so
that a spec determines its image, in Python and in JavaScript (tests/vectors/latent.json).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from dcgan.config import Prior
from dcgan.latents.spec import (
    At,
    Draw,
    Gain,
    Lerp,
    Mean,
    Move,
    Noise,
    Scale,
    Slerp,
    SpecError,
    Sum,
    Turn,
    Z,
)
from dcgan.latents.spec_fields import DecimalField

Latent = NDArray[np.float64]

DRAW_STREAM, NOISE_STREAM = 0, 1
"""Random streams of latents and of the noise added to them."""
PARALLEL_TOLERANCE = 1e-6
"""Sine of the angle between two latents below which slerp falls back to lerp."""
_PLACE = DecimalField(0, 1)


def philox_words(
    seed: int, index: int, count: int, stream: int = DRAW_STREAM
) -> NDArray[np.uint64]:
    """Return `count` words of Philox4x64-10 with the key words (seed, stream).

    Block b = 1, 2, ... encrypts the counter words (b, index, 0, 0), least significant first, to
    four words. numpy starts at b = 0 because it increments the counter before every block.
    """
    # A counter-based generator (Salmon et al. 2011) has no state: any latent is computed without
    # its predecessors, and integer arithmetic gives the same words in every language.
    Draw(seed, index)  # raises SpecError where seed or index is out of bounds
    key = np.array([seed, stream], np.uint64)
    counter = np.array([0, index, 0, 0], np.uint64)
    return np.random.Philox(key=key, counter=counter).random_raw(count)


@lru_cache(maxsize=4096)
def draw_latent(
    seed: int, index: int, size: int, prior: Prior, stream: int = DRAW_STREAM
) -> Latent:
    """Return a latent (size,), read-only, sampled from the prior.

    Its first values do not depend on the size. Results are cached, because dragging a slider of a
    turn evaluates the same twenty latents for every image.

    u = (word >> 11) / 2**53 lies in [0, 1). Uniform: 2 u - 1, in [-1, 1). Normal: each pair of
    words gives r cos(a) and r sin(a) with r = sqrt(-2 ln(1 - u1)) and a = 2 pi u2 (Box-Muller).
    """
    even = size + size % 2
    # The upper 53 bits fill a double's mantissa, so that the division is exact and JavaScript gets
    # the same number. 1 - u1 is never 0, so that its logarithm is finite.
    u = (philox_words(seed, index, even, stream) >> np.uint64(11)).astype(np.float64) / 2**53
    if prior == "uniform":
        z = (2 * u - 1)[:size]
    else:
        radius, angle = np.sqrt(-2 * np.log(1 - u[0::2])), 2 * np.pi * u[1::2]
        z = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:size]
    z.flags.writeable = False
    return z


def draw_latents(seed: int, start: int, count: int, size: int, prior: Prior) -> Latent:
    """Return the latents (count, size) with the indices from `start` on."""
    return np.array(
        [draw_latent(seed, index, size, prior) for index in range(start, start + count)]
    ).reshape(count, size)


def lerp(t: float, start: Latent, end: Latent) -> Latent:
    """Interpolate linearly, from start at t = 0 to end at t = 1."""
    return (1 - t) * start + t * end


def slerp(t: float, start: Latent, end: Latent) -> Latent:
    """Interpolate spherically: the direction turns at constant speed, the norm changes linearly.

    Falls back to lerp where the arc is not unique: where one latent is zero, or the sine of the
    angle between them is below PARALLEL_TOLERANCE. The ends are exact.
    """
    norms = np.linalg.norm(start), np.linalg.norm(end)
    if t in (0, 1) or 0 in norms:
        return lerp(t, start, end)
    a, b = start / norms[0], end / norms[1]
    angle = 2 * math.atan2(np.linalg.norm(a - b), np.linalg.norm(a + b))
    if math.sin(angle) < PARALLEL_TOLERANCE:
        return lerp(t, start, end)
    arc = (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)
    return ((1 - t) * norms[0] + t * norms[1]) * arc


def interpolate_keyframes(
    keyframes: Sequence[Z], steps: int, closed: bool, spherical: bool
) -> list[Z]:
    """Return `steps` latents on a walk through keyframes, at `walk_places` (figure 4).

    Raises ValueError as `walk_places` does.
    """
    between = Slerp if spherical else Lerp

    def z(keyframe: int, t: float) -> Z:
        start, end = keyframes[keyframe], keyframes[(keyframe + 1) % len(keyframes)]
        return between(t, start, end) if t else start

    return [z(*place) for place in walk_places(len(keyframes), steps, closed)]


def walk_places(keyframes: int, steps: int, closed: bool) -> list[tuple[int, float]]:
    """Return the keyframe that each step of a walk has reached, and the share t of the way to the
    next: 0 <= t < 1, in millionths, as specs have it. Steps are evenly spaced over the legs.

    An open walk ends at the last keyframe. A closed one ends a step before the first keyframe, so
    that it loops smoothly. Raises ValueError for fewer than 2 keyframes or 1 step.
    """
    if keyframes < 2 or steps < 1:
        raise ValueError(
            f"a walk needs at least 2 keyframes and 1 step, not {keyframes} and {steps}"
        )
    legs = keyframes if closed else keyframes - 1
    last = max(steps if closed else steps - 1, 1)
    places: list[tuple[int, float]] = []
    for step in range(steps):
        leg, rest = divmod(step * legs, last)
        t = _PLACE.check("place", rest / last)
        places.append((leg, t) if t < 1 else ((leg + 1) % keyframes, 0.0))
    return places


def evaluate_latent(z: Z, size: int, prior: Prior, directions: Mapping[str, Latent]) -> Latent:
    """Evaluate the latent of a spec: (size,) float64.

    directions: the model's directions by name, each (size,). Raises SpecError as `check_latent`
    does.
    """

    def value(z: Z) -> Latent:
        match z:
            case Draw(seed, index):
                return draw_latent(seed, index, size, prior)
            case At(values):
                _check_values(values, size)
                return np.array(values)
            case Mean(zs):
                return np.mean([value(part) for part in zs], axis=0)
            case Sum(terms):
                return np.sum([weight * value(part) for weight, part in terms], axis=0)
            case Lerp(t, start, end):
                return lerp(t, value(start), value(end))
            case Slerp(t, start, end):
                return slerp(t, value(start), value(end))
            case Noise(amplitude, seed, index, base):
                return value(base) + amplitude * draw_latent(
                    seed, index, size, "uniform", NOISE_STREAM
                )
            case Move(steps, base):
                moves = [amount * _direction(name, directions) for name, amount in steps]
                return value(base) + np.sum(moves, axis=0)
            case Turn(amount, start, end, base):
                return value(base) + amount * (value(end) - value(start))
            case Scale(factor, base):
                return factor * value(base)
        assert_never(z)

    return value(z)


def layer_gains(
    edits: Sequence[Gain], layer_shapes: Sequence[tuple[int, int, int]]
) -> dict[int, NDArray[np.float32]]:
    """Return by layer the factors in [0, 3] of its feature maps (section 6.3.1).

    layer_shapes: (C, H, W) of layers 1, 2, ... Factors are (C, 1, 1), or (C, H, W) if an edit of
    the layer has a mask. Gains of overlapping edits are multiplied and clipped to 3. Raises
    SpecError as `check_gains` does.
    """
    check_gains(edits, layer_shapes)
    factors: dict[int, NDArray[np.float64]] = {}
    for edit in edits:
        maps, height, width = layer_shapes[edit.layer - 1]
        change = np.where(_gain_region(edit, height, width), edit.gain, 1.0)
        factor = np.ones((maps, *change.shape))
        factor[list(edit.maps)] = change
        factors[edit.layer] = factors.get(edit.layer, 1.0) * factor
    return {layer: np.clip(factor, 0, 3).astype(np.float32) for layer, factor in factors.items()}


def check_gains(edits: Iterable[Gain], layer_shapes: Sequence[tuple[int, int, int]]) -> None:
    """Raise SpecError for a layer, feature map or size of mask that the network does not have."""
    for edit in edits:
        if edit.layer > len(layer_shapes):
            raise SpecError(
                f"this model's layers go from 1 to {len(layer_shapes)}, "
                f"so there is no layer {edit.layer} to edit"
            )
        maps, height, width = layer_shapes[edit.layer - 1]
        if edit.maps[-1] >= maps:
            raise SpecError(
                f"layer {edit.layer} has feature maps 0 to {maps - 1}, "
                f"so there is no map {edit.maps[-1]} to edit"
            )
        expected = math.ceil(height * width / 8)
        if edit.mask is not None and len(edit.mask) != expected:
            raise SpecError(
                f"a mask for layer {edit.layer} ({height} x {width}) must have "
                f"{expected} bytes, one bit per cell, not {len(edit.mask)}"
            )


def check_latent(z: Z, size: int, directions: Mapping[str, Latent]) -> None:
    """Raise SpecError for an unknown direction or a wrong number of values."""
    for part in z.parts():
        if isinstance(part, At):
            _check_values(part.values, size)
        for name, _ in part.steps if isinstance(part, Move) else ():
            _direction(name, directions)


def _check_values(values: Sequence[float], size: int) -> None:
    if len(values) != size:
        raise SpecError(f"this model's z has {size} values, not the {len(values)} of this at(...)")


def _direction(name: str, directions: Mapping[str, Latent]) -> Latent:
    if name not in directions:
        known = ", ".join(sorted(directions)) or "none"
        raise SpecError(f"this model has no direction called {name!r}; it has: {known}")
    return directions[name]


def _gain_region(edit: Gain, height: int, width: int) -> NDArray[np.bool_]:
    """Return a boolean mask of the gain, (H, W), or (1, 1) if it applies everywhere."""
    if edit.mask is None:
        return np.ones((1, 1), bool)
    bits = np.unpackbits(np.frombuffer(edit.mask, np.uint8), count=height * width)
    return bits.reshape(height, width).astype(bool)
