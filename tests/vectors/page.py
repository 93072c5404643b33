"""What page.json holds: texts, sentences and bytes that the page's JavaScript computes, too."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from dcgan.config import Output
from dcgan.latents import interpolation
from dcgan.latents.operations import draw_latent
from dcgan.latents.spec import SpecError, parse
from dcgan.media import images
from dcgan.models.annotations import AnnotatedImage, Box
from dcgan.models.checkpoint import Checkpoint
from dcgan.rendering.engine import Engine, Model
from dcgan.ui.routes.forget import overlay_pixels
from dcgan.ui.serving.http import RequestError, error_sentence, read_inputs, step_sizes
from tests import tiny

# --- which texts a model can draw
WEIGHTS = "0123abcd"
DIRECTIONS = {"smile": [0.5] * 7, "age": [-0.25] * 7}
NETWORKS: dict[str, tuple[int, dict[str, list[float]]]] = {
    "faces": (0, DIRECTIONS),
    "faces/seen-28k": (0, {}),
    "digits": (10, {}),
    "cats": (1, DIRECTIONS),
}
"""By name: classes, directions."""

TEXTS = [
    "faces@0123abcd:z(1,0)",
    "faces@0123abcd:move(smile,1,z(1,0)):gain(1,0,7):gain(2,0,0-3,AAAAAAAAAAA)",
    "faces@89abcdef:z(1,0)",
    "faces/seen-28k@89abcdef:z(1,0)",
    "faces@0123abcd:z(1,0):class(0)",
    "faces@0123abcd:z(1,0):class(9999)",
    "digits@0123abcd:z(1,0):class(9)",
    "digits@0123abcd:z(1,0)",
    "digits@0123abcd:z(1,0):class(10)",
    "cats@0123abcd:z(1,0):class(0)",
    "cats@0123abcd:z(1,0)",
    "cats@0123abcd:z(1,0):class(1)",
    # of several things that are wrong, the same one
    "faces@89abcdef:move(frown,1,z(1,0)):gain(9,0,1):class(3)",
    "digits@89abcdef:z(1,0)",
    "digits@0123abcd:move(smile,1,z(1,0)):gain(9,0,1)",
    "digits@0123abcd:move(smile,1,z(1,0)):gain(9,0,1):class(10)",
    "digits@0123abcd:move(smile,1,z(1,0)):gain(9,0,1):class(1)",
    "faces@0123abcd:scale(1,at(AAA)):gain(9,0,1)",
    "faces@0123abcd:move(frown,1,move(wink,1,z(1,0)))",
    "faces@0123abcd:move(smile,1,frown,1,at(AAA))",
    "faces@0123abcd:turn(1,move(one,1,z(1,0)),move(two,1,z(1,0)),move(three,1,z(1,0)))",
    "faces@0123abcd:noise(1,0,0,mean(at(AAAAAA),move(frown,1,z(1,0))))",
    "faces@0123abcd:sum(1,z(1,0),2,move(frown,1,z(1,0)),3,at(AAA))",
    "faces@0123abcd:slerp(0.5,z(1,0),lerp(0.5,at(AAA),move(frown,1,z(1,0))))",
    "faces@0123abcd:z(1,0):gain(2,0,4):gain(3,0,1)",
    "faces@0123abcd:z(1,0):gain(1,0,8-9):gain(2,0,1,AA)",
    "faces@0123abcd:z(1,0):gain(2,0,1,AA)",
    # no texts of pictures
    "faces@0123abcd:",
    "faces@0123abcd:median(z(1,0),z(1,1))",
    "faces@0123abcd:mean(z(1,0))",
    "faces@0123abcd:z(1,0):class(1):class(1)",
]

# --- walks
PLAIN = [f"v1:faces@0123abcd:z(1,{index})" for index in range(9)]
EDITED = [
    "v1:digits@0123abcd:z(1,0):gain(2,0.5,1.3-5,_w):class(3)",
    "v1:digits@0123abcd:mean(z(2,0),z(2,1)):class(4)",
    "v1:digits@0123abcd:move(smile,-1.25,z(3,0)):gain(1,0,7):gain(2,3,0):class(0)",
]
WALKS = [
    *((EDITED, seconds) for seconds in (0.01, 0.1, 0.5)),
    (PLAIN[:2], 0.4),
    (PLAIN[:2], 1.5),  # half a frame more than 22
    (PLAIN[:8], 49 / 15),  # a 49th of 49 is not 1 in doubles
    (PLAIN[:5], 128 / 15),  # every second 128th lies between two millionths
    (PLAIN[:4], 129 / 15),
]

# --- cells in boxes: the pixels of a side, cells along it, boxes
BOXES: list[tuple[int, int, list[Box]]] = [
    (64, 16, []),
    (16, 4, [(2, 0, 10, 2.5), (13, 13, 15, 15), (3, 3, 5, 5)]),  # centres at 2, 6, 10, 14
    (64, 16, [(12, 8, 30, 31.5), (29.75, 31, 64, 64)]),
    (64, 64, [(0, 0, 0.5, 0.5), (0.5, 0.5, 1.5, 1.5), (63.25, 63.25, 64, 64)]),
    (64, 4, [(8, 8, 8.25, 24), (24.25, 0, 40, 64)]),
    (28, 7, [(2, 2, 6, 26), (0, 25.75, 28, 28)]),
    (32, 12, [(4, 4, 12, 12), (20, 0, 28, 32)]),  # no whole pixels to a cell
    (16, 4, [(0, 0, 16, 16), (1, 1, 2, 2)]),
]


def vectors() -> dict[str, list[dict[str, Any]]]:
    return {
        "networks": [_network(name) for name in NETWORKS],
        "checks": [{"text": f"v1:{text}", "says": says(f"v1:{text}")} for text in TEXTS],
        "walks": [
            _walk(keyframes, seconds, closed, spherical)
            for keyframes, seconds in WALKS
            for closed in (False, True)
            for spherical in (False, True)
        ],
        "cells": [_cells(*case) for case in BOXES],
        "overlays": [_overlay(active, scale) for active, scale in _activations()],
        "pixels": [_pixels(values, output) for values, output in _outputs()],
        "steps": [_steps(count) for count in (1, 2, 4)],
    }


def engine() -> Engine:
    """Of models that have everything but their tensors."""
    found = Engine({})
    for name, (classes, directions) in NETWORKS.items():
        config = dataclasses.replace(tiny.CONFIG, z_size=7, classes=classes)
        readable = SimpleNamespace(directions=directions)
        weights = SimpleNamespace(hash=WEIGHTS, config=config, readable=readable)
        found.models[name] = Model(name, cast("Checkpoint", weights))
    return found


def says(text: str) -> str | None:
    """What the server refuses a text with, None where it does not."""
    try:
        read_inputs(text, engine())
    except RequestError as error:
        return str(error)
    except SpecError as error:
        return error_sentence(error)
    return None


def _network(name: str) -> dict[str, Any]:
    model = engine().models[name]
    return {
        "name": name,
        "weights": model.checkpoint.hash,
        "classes": model.config.classes,
        "z_size": model.config.z_size,
        "prior": model.config.prior,
        "layers": model.config.layer_shapes,
        "directions": model.checkpoint.readable.directions,
    }


def _walk(keyframes: list[str], seconds: float, closed: bool, spherical: bool) -> dict[str, Any]:
    specs = interpolation.walk_frames(list(map(parse, keyframes)), seconds, closed, spherical)
    given = {"keyframes": keyframes, "seconds": seconds, "closed": closed, "spherical": spherical}
    return {**given, "texts": list(map(str, specs))}


def _cells(side: int, cells: int, boxes: list[Box]) -> dict[str, Any]:
    inside = AnnotatedImage(parse(PLAIN[0]), tuple(boxes)).cells(side, cells)
    return {"side": side, "cells": cells, "boxes": boxes, "inside": np.argwhere(inside).tolist()}


def _activations() -> list[tuple[np.ndarray, int]]:
    """(N, H, W) and how many pixels a cell is wide."""
    some = np.maximum(draw_latent(1, 0, 3 * 16, "normal"), 0).reshape(3, 4, 4)
    halves = np.array([216.75, 0.5, 1.5, 2.5, 3.5, 107.5, 108.5, 215.5, 0]).reshape(1, 3, 3)
    sixteenth = np.arange(256).reshape(1, 16, 16) / 16
    sevenths = np.float32(1 / 7) * np.arange(64).reshape(4, 4, 4)
    return [
        (some, 4), (halves, 1), (sixteenth, 1), (sevenths, 2), (np.zeros((2, 2, 2)), 2),
        (np.full((1, 2, 2), 2e-7), 1), (np.array([[[3.0]], [[1.0]]]), 2),
    ]  # fmt: skip


def _overlay(active: np.ndarray, scale: int) -> dict[str, Any]:
    active = active.astype(np.float32)
    overlays = [images.enlarge(overlay, scale) for overlay in overlay_pixels(active)]
    return {
        "width": active.shape[2],
        "scale": scale,
        "active": [one.ravel().tolist() for one in active],
        "rgba": [overlay.tobytes().hex() for overlay in overlays],
    }


def _outputs() -> list[tuple[np.ndarray, Output]]:
    """(C, H, W); most lie as near as can be to the middle between two bytes."""
    middles = np.arange(256).reshape(1, 16, 16) + 0.5
    near = middles + draw_latent(2, 0, 256, "uniform").reshape(1, 16, 16) / 1e5
    some = draw_latent(3, 0, 3 * 16, "normal").reshape(3, 4, 4)
    return [
        (middles / 127.5 - 1, "tanh"), (near / 127.5 - 1, "tanh"), (some, "tanh"),
        (middles / 255, "sigmoid"), (near / 255, "sigmoid"), (some, "sigmoid"),
    ]  # fmt: skip


def _pixels(values: np.ndarray, output: Output) -> dict[str, Any]:
    values = values.astype(np.float32)
    return {
        "size": values.shape[1],
        "output": output,
        "values": values.ravel().tolist(),
        "rgb": images.to_uint8(values[np.newaxis], output).tobytes().hex(),
    }


def _steps(count: int) -> dict[str, Any]:
    """To three decimals, as the server sends them."""
    values = draw_latent(4, 0, count * 4 * 4 * 3, "uniform").reshape(count, 4, 4, 3)
    pictures = np.rint((values + 1) * 127.5).astype(np.uint8)
    mean, largest = step_sizes(pictures)
    rgb = [picture.tobytes().hex() for picture in pictures]
    return {"rgb": rgb, "mean": round(mean, 3), "largest": round(largest, 3)}
