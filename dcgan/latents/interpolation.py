"""Frames of walks through latent space (figure 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from dcgan.latents import operations
from dcgan.latents.spec import PictureSpec, SpecError

FRAMES_PER_SECOND = 15


def walk_frames(
    stations: Sequence[PictureSpec], seconds: float, closed: bool, spherical: bool
) -> list[PictureSpec]:
    """Return the specs of a walk's frames, at least one.

    Each frame has the edits and the class of the keyframe that it has passed last. closed: return
    to the first keyframe. spherical: slerp instead of lerp. Raises ValueError for fewer than 2
    keyframes and SpecError for keyframes of different models.
    """
    if len({(station.model, station.weights) for station in stations}) > 1:
        raise SpecError("the stations of a walk must be of one model")
    steps = max(round(seconds * FRAMES_PER_SECOND), 1)
    path = operations.interpolate_keyframes(
        [station.z for station in stations], steps, closed, spherical
    )
    legs = len(stations) if closed else len(stations) - 1
    last = max(steps if closed else steps - 1, 1)
    left = [stations[min(step * legs // last, legs - 1)] for step in range(steps)]
    return [dataclasses.replace(start, z=z) for start, z in zip(left, path, strict=True)]
