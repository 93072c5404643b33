"""Does dropping maps forget windows, and nothing else? (Section 6.3.1, figure 6.)

    python -m training run forget --weights weights/rooms --data ../shared/data/rooms \\
        --json results/forget.json --sheet docs/forget.png

About 25 minutes on 2 cores. The maps are those that the boxes select (`units.fit_units`). Of 1,000
samples without the first k of them the window share is taken, the share of pixels that the window
judge finds to be window, and the KID to held-out rooms: the loss of windows beside the loss of
everything else. Compared with the fitted order are maps that were not fitted, as active on average
as the fitted ones, and all maps in random order. Of either 20 orders are drawn, and each sees its
part of 200 samples and 200 held-out pictures, in turn, so that every k is measured on each sample
equally often; KID is unbiased at any number of pictures, so the mean over orders stands beside that
of all samples. The judge is not certain where there is no window either, so that the mean of its
coverage, which is kept too, can't fall to nothing; what it is worth on photographs is in the file.

The chosen k is the first at which windows have fallen by 85%, else the one of the largest fall.
What other orders take "at the same KID" is read from straight lines between the k's measured.

The paper drops 200 of 256 maps, shows pictures with and without (figure 6) and gives no number.
Expect: all 67 maps take 88% of the windows, which become walls, shelves and curtains. At the same
KID other orders take none; matched maps add a third, because spoilt pictures look more like windows
to the judge. The first 16 fitted maps take 56% and hardly any KID.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from torch import Tensor

from dcgan.analysis import units
from dcgan.analysis.classifiers import IMAGE_SIZE
from dcgan.latents.spec import Gain, PictureSpec
from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.annotations import BoxesError, BoxSet, parse_boxes
from dcgan.rendering.engine import Model
from training.attributes import window_segmentation
from training.attributes.options import ClassifierFolder
from training.attributes.window_segmentation import COVERAGE_THRESHOLD, WindowSegmenter
from training.data.datasets import to_channels_last
from training.data.readers import DataError
from training.data.sampler import random_generator
from training.experiments import figures, trained_recipe
from training.metrics.distances import kernel_distance

SET = "windows"
SEED = 9
KS = (0, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Numbers of ablated maps that are measured, up to the length of an order."""
GOAL = 0.85
"""Relative loss of window pixels that the chosen number of ablated maps must reach."""
NEAREST = 4
"""Number of best-matching maps that each matched map is chosen from at random."""
ACTIVITY = 256
"""Number of samples over which the mean activation of maps is measured."""
PAIRS, COLUMNS = 16, 8
"""Number of samples with the most window, and of arbitrary ones, on the sheet; its columns."""


@dataclass(frozen=True)
class Point:
    """A point of a curve: means over its orders after ablating k maps, and their standard errors.

    found: share of pixels that the segmenter classifies as window. share: mean coverage.
    activation: mean activation of the ablated maps.
    """

    k: int
    found: float
    share: float
    kid: float
    activation: float
    found_error: float | None = None
    share_error: float | None = None
    kid_error: float | None = None


def run(
    *,
    weights: Annotated[
        str, typer.Option(help="Checkpoint folder or user/repo of a model of rooms.")
    ],
    data: Annotated[str, typer.Option(help="Training data of the weights.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--boxes", help="File of boxes; default: the checkpoint's boxes-windows.json."
        ),
    ] = None,
    classifier_folder: ClassifierFolder = Path("weights/judges"),
    recipe: Annotated[str | None, typer.Option(help=trained_recipe.HELP)] = None,
    samples: Annotated[
        int, typer.Option(min=20, help="Number of samples for the fitted order.")
    ] = 1000,
    orders: Annotated[
        int, typer.Option(min=2, help="Number of orders per kind (matched, random).")
    ] = 20,
    part: Annotated[int, typer.Option(min=10, help="Number of samples per order.")] = 200,
    out: Annotated[Path | None, typer.Option("--json", help="JSON file for the results.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="PNG of samples before and after ablation.")
    ] = None,
) -> None:
    """Figure 6: window share and KID as fitted, matched and random maps are ablated."""
    started = time.monotonic()
    model = Model("rooms", checkpoint.load(weights))
    trained_with = trained_recipe.trained_recipe(model.checkpoint, recipe)
    boxes = read_boxes(model, file)
    segmenter, validation = window_segmentation.load_segmenter(classifier_folder)
    fit = units.fit_units(model, boxes)
    real = trained_with.pictures(data).held_out
    if len(real) < part:
        raise DataError(
            f"{data} has {len(real)} held-out pictures, and a random order is compared with "
            f"{part}: give a smaller --part, or what the weights were trained on"
        )
    measured = AblationStudy(
        model, boxes.layer, segmenter, segmenter(to_channels_last(real))[1], samples
    )
    curves = {"fitted": measured.curve([fit.maps], samples)}
    for name, drawn in draw_orders(fit.maps, measured.activation, orders).items():
        curves[name] = measured.curve(drawn, min(part, samples))
    facts = {
        "weights": model.checkpoint.hash,
        "images_seen": model.checkpoint.metadata.get("images_seen"),
        "seed": SEED,
        "samples": samples,
        "kid_n": min(samples, len(real)),
        "orders": {"count": orders, "samples": min(part, samples)},
        "judge": validation,
        "boxes": {"name": boxes.name, **in_boxes(model, segmenter, boxes, fit.maps)},
        "fit": fit.table(),
        "curves": {name: [_rounded(point) for point in curve] for name, curve in curves.items()},
        "goal": goal(curves),
    }
    typer.echo(report(facts))
    figures.write_result(out, facts, started, {"held-out": len(real)})
    if sheet:
        maps = fit.maps[: facts["goal"]["k"]]
        checkpoint.write_atomically(sheet, images.encode_png(pairs(measured, maps)))


def read_boxes(model: Model, file: Path | None) -> BoxSet:
    """Read boxes from a file, or those shipped with the weights. Raises BoxesError."""
    if file:
        boxes = parse_boxes(file.read_bytes())
        boxes.check(model.config)
        return boxes
    if SET not in model.checkpoint.boxes:
        raise BoxesError(
            f"{model.checkpoint.folder} has no set of boxes called {SET!r}: draw them on the "
            "page's Forget tab and give their file with --boxes"
        )
    return model.checkpoint.boxes[SET]


class AblationStudy:
    """Renders samples with ablated maps of one layer and measures window share and KID.

    activation (C,): mean of each map over positions and samples. coverage (N, 64, 64), features
    (N, 1280): segmentation and features of the samples without ablation.
    """

    def __init__(
        self, model: Model, layer: int, segmenter: WindowSegmenter, real: Tensor, count: int
    ) -> None:
        """real: features of held-out images (n, 1280). count: number of samples N."""
        self._model, self._layer, self._segmenter, self._real = model, layer, segmenter, real
        self._specs = [model.sample(SEED, index) for index in range(count)]
        maps = model.activations(self._specs[:ACTIVITY], layer)
        self.activation = maps.mean((0, 2, 3), dtype=np.float64)
        self.coverage, self.features = segmenter(self.draw([], range(count)))

    def draw(self, maps: Sequence[int], rows: Iterable[int]) -> np.ndarray:
        """Render the samples `rows` without the maps: (N, H, W, 3) uint8."""
        return self._model.render([ablate(self._specs[row], self._layer, maps) for row in rows])

    def curve(self, orders: Sequence[Sequence[int]], part: int) -> list[Point]:
        """Measure a curve of means over orders.

        Order i is measured on `part` samples and held-out images from index i * part on, with
        wrap-around, so that all orders together use every sample about equally often.
        """
        longest = max(map(len, orders))
        ks = [k for k in KS if k < longest] + [longest]
        return [self._point(orders, k, part) for k in ks]

    def _point(self, orders: Sequence[Sequence[int]], k: int, part: int) -> Point:
        shares, found, distances = [], [], []
        for number, order in enumerate(orders):
            rows = _round(number * part, part, len(self._specs))
            if k:
                coverage, features = self._segmenter(self.draw(order[:k], rows))
            else:
                coverage, features = self.coverage[rows], self.features[rows]
            real = self._real[_round(number * part, min(part, len(self._real)), len(self._real))]
            shares.append(float(coverage.mean()))
            found.append(float((coverage >= COVERAGE_THRESHOLD).mean()))
            distances.append(kernel_distance(features, real))
        activation = [self.activation[list(order[:k])].mean() if k else 0.0 for order in orders]
        return Point(
            k,
            float(np.mean(found)),
            float(np.mean(shares)),
            float(np.mean(distances)),
            float(np.mean(activation)),
            *(map(_error, (found, shares, distances)) if len(orders) > 1 else ()),
        )


def ablate(spec: PictureSpec, layer: int, maps: Sequence[int]) -> PictureSpec:
    """Return the spec with these maps of a layer set to zero."""
    gains = (Gain(layer, 0.0, tuple(maps)),) if len(maps) else ()
    return dataclasses.replace(spec, gains=(*spec.gains, *gains))


def draw_orders(
    fitted: Sequence[int], activation: np.ndarray, count: int
) -> dict[str, list[list[int]]]:
    """Sample `count` matched orders (of maps that were not fitted) and random ones (of all maps).

    The first k maps of a matched order have about the same total activation as the first k fitted
    maps. A matched order is shorter than the fitted one if there are fewer other maps.
    """
    found: dict[str, list[list[int]]] = {"matched": [], "random": []}
    others = np.setdiff1d(np.arange(len(activation)), fitted)
    for number in range(count):
        found["random"].append(
            random_generator(SEED, "order", number).permutation(len(activation)).tolist()
        )
        chance, free = random_generator(SEED, "matched order", number), others
        order: list[int] = []
        for wanted in np.cumsum(activation[fitted])[: len(others)]:
            far = np.abs(activation[free] + activation[order].sum() - wanted)
            chosen = chance.choice(free[np.argsort(far, kind="stable")[:NEAREST]])
            order.append(int(chosen))
            free = free[free != chosen]
        found["matched"].append(order)
    return found


def in_boxes(
    model: Model, segmenter: WindowSegmenter, boxes: BoxSet, maps: Sequence[int]
) -> dict[str, Any]:
    """Return the mean coverage inside and outside the boxes, before and after ablation.

    "outside" covers the images with boxes only; images without boxes are reported separately.
    """
    specs = [picture.spec for picture in boxes.pictures]
    inside = np.stack(
        [picture.cells(model.config.image_size, IMAGE_SIZE) for picture in boxes.pictures]
    )
    boxed = inside.any((1, 2))
    found: dict[str, Any] = {
        "pictures": len(specs),
        "with_boxes": int(boxed.sum()),
        "boxes": sum(len(picture.boxes) for picture in boxes.pictures),
        "box_share": round(float(inside.mean()), 4),
    }
    without = [ablate(spec, boxes.layer, maps) for spec in specs]
    for name, shown_specs in (("with", specs), ("without", without)):
        coverage, _ = segmenter(model.render(shown_specs))
        parts = {
            "inside": coverage[inside],
            "outside": coverage[boxed][~inside[boxed]],
            "no_boxes": coverage[~boxed],
        }
        found[name] = {k: round(float(v.mean()), 4) for k, v in parts.items() if v.size}
    return found


def goal(curves: dict[str, list[Point]]) -> dict[str, Any]:
    """Return the loss of windows at the chosen k, and of other orders at the same KID.

    For an order whose KID never rises that far, its largest loss is given and `reached` is false.
    """
    fitted = curves["fitted"]
    falls = _falls(fitted)
    good = [place for place, fall in enumerate(falls) if fall >= GOAL]
    chosen = good[0] if good else int(np.argmax(falls))
    found: dict[str, Any] = {
        "k": fitted[chosen].k,
        "fall": round(falls[chosen], 4),
        "kid": round(fitted[chosen].kid, 5),
        "found": round(fitted[chosen].found, 5),
    }
    for name in ("matched", "random"):
        at = fall_at(curves[name], fitted[chosen].kid)
        found[name] = {
            "fall": round(max(_falls(curves[name])) if at is None else at, 4),
            "reached": at is not None,
        }
    return found


def fall_at(curve: Sequence[Point], kid: float) -> float | None:
    """Return the loss of windows where a curve first reaches a KID, or None if it never does.

    Interpolates linearly between the measured points.
    """
    falls = _falls(curve)
    if kid <= curve[0].kid:
        return 0.0
    for (before, after), (fell, falls_to) in zip(pairwise(curve), pairwise(falls), strict=True):
        if after.kid >= kid:
            return fell + (falls_to - fell) * (kid - before.kid) / (after.kid - before.kid)
    return None


def _falls(curve: Sequence[Point]) -> list[float]:
    return [1 - point.found / curve[0].found for point in curve]


def _round(start: int, count: int, size: int) -> list[int]:
    return [number % size for number in range(start, start + count)]


def _error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / len(values) ** 0.5)


def _rounded(point: Point) -> dict[str, float]:
    described = dataclasses.asdict(point).items()
    return {name: round(value, 6) for name, value in described if value is not None}


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    validation, boxes, reached = facts["judge"]["held_out"], facts["boxes"], facts["goal"]
    points = {
        name: {point["k"]: point for point in curve} for name, curve in facts["curves"].items()
    }
    head = [f"{name}: {what}" for name in points for what in ("window", "KID")]
    rows = [
        [f"{k}", *(cell for curve in points.values() for cell in _cells(curve.get(k)))]
        for k in sorted({k for curve in points.values() for k in curve})
    ]
    rivals = (f"{name} ones {_taken(reached[name])}" for name in ("matched", "random"))
    coverage = [
        [f"{name} the {len(facts['fit']['maps'])} fitted maps"]
        + [f"{share:.1%}" for share in boxes[name].values()]
        for name in ("with", "without")
    ]
    return "\n\n".join(
        [
            f"{reached['k']} fitted maps take {reached['fall']:.0%} of the windows at KID "
            f"{reached['kid']:.4f} (n = {facts['kid_n']}); at that KID {', '.join(rivals)}. The "
            "paper gives no number.",
            figures.markdown_table(["maps dropped", *head], rows),
            f"Window judge on {validation['pictures']} photographs that it was not trained on: IoU "
            f"{validation['sharp']['iou']:.2f}, shares correlate by "
            f"{validation['sharp']['share_correlation']:.2f}.",
            figures.markdown_table(
                ["coverage", *(place.replace("_", " ") for place in boxes["with"])], coverage
            ),
        ]
    )


def _cells(point: dict[str, float] | None) -> tuple[str, str]:
    return (f"{point['found']:.2%}", f"{point['kid']:.4f}") if point else ("", "")


def _taken(order: dict[str, Any]) -> str:
    if not order["reached"]:
        return f"are not there yet, and take {order['fall']:.0%} at most"
    return f"{'add' if order['fall'] < 0 else 'take'} {abs(order['fall']):.0%}"


def pairs(measured: AblationStudy, maps: Sequence[int]) -> np.ndarray:
    """Return a sheet of samples, each row above the same samples without the maps."""
    most = np.argsort(-measured.coverage.mean((1, 2)), kind="stable")[:PAIRS]
    rows = np.concatenate([most, np.arange(min(PAIRS, len(measured.coverage)))])
    blocks = [
        images.make_grid(measured.draw(some, part), COLUMNS)
        for part in np.split(rows, range(COLUMNS, len(rows), COLUMNS))
        for some in ([], maps)
    ]
    return images.enlarge(np.concatenate(blocks), 2)
