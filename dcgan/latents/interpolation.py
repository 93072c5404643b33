"""Frames of walks through latent space (figure 4).

A frame's text is the one that the page writes for it (core/motion.js, core/spec.js).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from dcgan.latents import operations
from dcgan.latents.spec import PictureSpec, SpecError

FRAMES_PER_SECOND = 15


def walk_frames(
    keyframes: Sequence[PictureSpec], seconds: float, closed: bool, spherical: bool
) -> list[PictureSpec]:
    """Return the specs of a walk's frames, at least one.

    Each frame has the edits and the class of the keyframe that it is at or has passed last.
    closed: return to the first keyframe. spherical: slerp instead of lerp. Raises ValueError for
    fewer than 2 keyframes and SpecError for keyframes of different models.
    """
    if len({(keyframe.model, keyframe.weights) for keyframe in keyframes}) > 1:
        raise SpecError("the keyframes of a walk must be of one model")
    steps = frame_count(seconds)
    zs = [keyframe.z for keyframe in keyframes]
    path = operations.interpolate_keyframes(zs, steps, closed, spherical)
    places = operations.walk_places(len(keyframes), steps, closed)
    return [
        dataclasses.replace(keyframes[keyframe], z=z)
        for (keyframe, _), z in zip(places, path, strict=True)
    ]


def frame_count(seconds: float) -> int:
    """Of a film that takes so long; at least one, and half a frame is one more."""
    return max(math.floor(seconds * FRAMES_PER_SECOND + 0.5), 1)
