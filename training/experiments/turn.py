"""Does a vector turn heads? (Figure 8.)

    python -m training run turn --weights weights/faces --data ../shared/data/faces \\
        --json results/turn.json

About 3 minutes on 2 cores. Four z's of faces that look far to the left and four to the right are
picked from samples by landmarks alone; the vector between their means is added to 200 other z's,
from -1 to 1 times, in nine positions. A head turns if its yaw has a rank correlation of at least
0.9 with the position. Before and after: the same for the vector between the means of four and four
random z's, another for each head, scaled to the same length; as a random vector has no right side,
it also counts what turns the other way. Where the weights come with sets, their vector is measured
as well.

The detector is measured first: on mirror images, whose yaw should be the opposite, and, where the
data are given, on 200 held-out faces that were sorted by hand, before it was run on them, into
left, ahead and right (results/yaw_by_hand.json; in doubt, ahead).

The paper shows some rows of faces and gives no number. Expect, with weights/faces: 96% of heads
turn along the vector of the picked exemplars, 97% along the shipped one, 27% along random ones (53%
either way); faces are found in 99% of the pictures; mirrored yaws correlate with 0.99; 91% of
the faces that the hand sorted to a side have a yaw to that side.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from dcgan.latents import operations
from dcgan.latents.spec import Draw, Mean, Turn, Z
from dcgan.models import checkpoint
from dcgan.paths import REPOSITORY, require_clone
from dcgan.rendering.engine import Model
from training.attributes.exemplars import MIN_YAW, SIDES, ExemplarError, exemplar_mean
from training.attributes.landmarks import Landmarks
from training.data.datasets import load_attributes, to_channels_last
from training.data.readers import DataError
from training.experiments import figures

BY_HAND = REPOSITORY / "results" / "yaw_by_hand.json"
PICK_SEED, HEAD_SEED, CONTROL_SEED = 6, 7, 8
POSITIONS = np.linspace(-1, 1, 9)
TURNS = 0.9
"""Rank correlation of yaw and position from which a head counts as turned."""
ENOUGH = 7
"""Number of positions in which a face must be found; with fewer a head counts as not turned."""

VECTORS = {
    "picked": "the vector of picked exemplars",
    "shipped": "the vector shipped with the weights",
    "control": "random vectors",
}
"""Vectors that are measured and their labels; not all weights come with a shipped vector."""

Yaw = Callable[[np.ndarray], np.ndarray]


def run(
    *,
    weights: Annotated[
        str, typer.Option(help="Checkpoint folder or user/repo of a model of faces.")
    ],
    data: Annotated[
        str | None, typer.Option(help="Data set that contains the hand-sorted faces.")
    ] = None,
    heads: Annotated[int, typer.Option(min=2, help="Number of heads to turn.")] = 200,
    pool: Annotated[
        int, typer.Option(min=8, help="Number of samples to pick exemplars from.")
    ] = 1000,
    out: Annotated[Path | None, typer.Option("--json", help="JSON file for the results.")] = None,
) -> None:
    """Figure 8: share of heads that the vector from left to right turns."""
    started = time.monotonic()
    model, yaw = Model("faces", checkpoint.load(weights)), Landmarks().yaw
    vectors: dict[str, tuple[Z, Z]] = {"picked": pick(model, yaw, pool)}
    exemplars = model.checkpoint.sets["exemplars"]
    if exemplars.keys() >= set(SIDES):
        left, right = (exemplar_mean(exemplars[side]) for side in SIDES)
        vectors["shipped"] = (left, right)
    zs = [Draw(HEAD_SEED, index) for index in range(heads)]
    length = _length(model, *vectors["picked"])
    ways: dict[str, list[tuple[float, Z, Z]]] = {
        "control": [_random_turn(model, index, length) for index in range(heads)],
        **{name: [(1.0, *ends)] * heads for name, ends in vectors.items()},
    }
    turned = {name: measure(model, yaw, zs, way) for name, way in ways.items()}
    facts: dict[str, Any] = {
        "weights": model.checkpoint.hash,
        "images_seen": model.checkpoint.metadata.get("images_seen"),
        "seeds": {"picked_from": PICK_SEED, "heads": HEAD_SEED, "control": CONTROL_SEED},
        "detector": {"samples": mirrored(yaw, model.render([model.spec(z) for z in zs]))},
        "positions": POSITIONS.tolist(),
        "length": round(length, 3),
        "turns": {name: summary(yaws) for name, yaws in turned.items()},
        "picked_and_control": figures.mcnemar(
            correlations(turned["picked"]) >= TURNS,
            np.abs(correlations(turned["control"])) >= TURNS,
        ),
        "exemplars": {side: str(z) for side, z in zip(SIDES, vectors["picked"], strict=True)},
    }
    sorted_by_hand = {}
    if data:
        facts["detector"] |= by_hand(yaw, data)
        sorted_by_hand = facts["detector"]["by_hand"]["sorted"]
    typer.echo(report(facts))
    figures.write_result(out, facts, started, sorted_by_hand)


def pick(model: Model, yaw: Yaw, count: int) -> tuple[Mean, Mean]:
    """Return the means of the four latents that look furthest left, and right.

    Raises ExemplarError if too few samples look to either side.
    """
    zs = [Draw(PICK_SEED, index) for index in range(count)]
    yaws = np.nan_to_num(yaw(model.render([model.spec(z) for z in zs])))
    order = np.argsort(yaws, kind="stable")
    left, right = order[:4], order[-4:]
    if yaws[left].max() > -MIN_YAW or yaws[right].min() < MIN_YAW:
        raise ExemplarError(
            f"of {count} samples fewer than four look far enough to each side: give a larger "
            "--pool, or a model of faces"
        )
    return Mean(tuple(zs[row] for row in left)), Mean(tuple(zs[row] for row in right))


def _random_turn(model: Model, index: int, length: float) -> tuple[float, Z, Z]:
    """Return a random turn (amount, start, end) of the given length.

    Its ends are means of four random latents each.
    """
    zs = [Draw(CONTROL_SEED, 8 * index + place) for place in range(8)]
    ends = Mean(tuple(zs[:4])), Mean(tuple(zs[4:]))
    return length / _length(model, *ends), *ends


def _length(model: Model, start: Z, end: Z) -> float:
    config = model.config
    first, last = (
        operations.evaluate_latent(z, config.z_size, config.prior, {}) for z in (start, end)
    )
    return float(np.linalg.norm(last - first))


def measure(model: Model, yaw: Yaw, zs: list[Draw], ways: list[tuple[float, Z, Z]]) -> np.ndarray:
    """Return the yaw of each head along its turn, (heads, positions); NaN without a face."""
    return np.stack(
        [
            yaw(model.render([model.spec(Turn(p * amount, start, end, z)) for p in POSITIONS]))
            for z, (amount, start, end) in zip(zs, ways, strict=True)
        ]
    )


def correlations(yaws: np.ndarray) -> np.ndarray:
    """Return each head's rank correlation of yaw and position: (heads, positions) -> (heads,).

    It is 0 where fewer than `ENOUGH` faces are found.
    """
    from scipy.stats import spearmanr

    found = np.zeros(len(yaws))
    for head, row in enumerate(yaws):
        seen = ~np.isnan(row)
        if seen.sum() >= ENOUGH and np.ptp(row[seen]) > 0:
            found[head] = spearmanr(POSITIONS[seen], row[seen]).statistic  # pyright: ignore[reportAttributeAccessIssue]  (its type is hidden)
    return found


def summary(yaws: np.ndarray) -> dict[str, Any]:
    """Summarise the yaws (heads, positions) along one kind of vector."""
    correlation = correlations(yaws)
    return {
        "turned": figures.wilson_rate(correlation >= TURNS),
        "either_way": figures.wilson_rate(np.abs(correlation) >= TURNS),
        "median_correlation": round(float(np.median(correlation)), 4),
        "mean_yaw": np.nanmean(yaws, axis=0).round(3).tolist(),
        "faces_found": figures.wilson_rate(~np.isnan(yaws).ravel()),
    }


def mirrored(yaw: Yaw, pictures: np.ndarray) -> dict[str, Any]:
    """Compare the detector on images (N, H, W, 3) uint8 and on their mirror images."""
    here, there = yaw(pictures), yaw(np.ascontiguousarray(pictures[:, :, ::-1]))
    both = ~np.isnan(here + there)
    here, there = here[both], there[both]
    return {
        "faces_found": figures.wilson_rate(both),
        "mirror_correlation": round(float(np.corrcoef(here, -there)[0, 1]), 4),
        "sign_flips": figures.wilson_rate(here * there < 0),
    }


def by_hand(yaw: Yaw, data: str) -> dict[str, Any]:
    """Measure the detector on the hand-sorted faces.

    Raises DataError if the data lack these images, and NoCloneError outside a clone of this
    repository, which has the list of them.
    """
    require_clone("the list of faces sorted by hand")
    sides = json.loads(BY_HAND.read_text(encoding="utf-8"))
    real = load_attributes(data, 64, 3, [])
    rows = {name: row for row, name in enumerate(real.names)}
    if missing := [name for names in sides.values() for name in names if name not in rows]:
        raise DataError(
            f"{data} lacks {len(missing)} of the pictures sorted by hand ({missing[0]}, ...): "
            "give the faces that they are from"
        )
    pictures = {
        side: to_channels_last(real.pictures[[rows[name] for name in names]])
        for side, names in sides.items()
    }
    found = {side: yaw(part) for side, part in pictures.items()}
    found = {side: values[~np.isnan(values)] for side, values in found.items()}
    left, ahead, right = (found[side] for side in ("left", "ahead", "right"))
    return {
        "by_hand": {
            "sorted": {side: len(names) for side, names in sides.items()},
            "mean_yaw": {side: round(float(v.mean()), 3) for side, v in found.items()},
            "right_side": figures.wilson_rate(np.concatenate([left < 0, right > 0])),
            # probability that the yaws of two faces, one of each side, are in that order
            "left_before_right": _order(left, right),
            "left_before_ahead": _order(left, ahead),
            "ahead_before_right": _order(ahead, right),
        },
        "real": mirrored(yaw, np.concatenate(list(pictures.values()))),
    }


def _order(lower: np.ndarray, higher: np.ndarray) -> float:
    from scipy.stats import mannwhitneyu

    wins = mannwhitneyu(higher, lower).statistic
    return round(float(wins) / (len(lower) * len(higher)), 4)


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    detector, turns = facts["detector"], facts["turns"]
    measured = {label: turns[name] for name, label in VECTORS.items() if name in turns}
    turned = [
        [label, figures.rate_text(found["turned"]), figures.rate_text(found["either_way"])]
        for label, found in measured.items()
    ]
    yaws = [
        [label, *(f"{value:+.2f}" for value in found["mean_yaw"])]
        for label, found in measured.items()
    ]
    detected = [
        [
            label,
            figures.rate_text(found["faces_found"]),
            f"{found['mirror_correlation']:.3f}",
            figures.rate_text(found["sign_flips"]),
        ]
        for name, label in (("samples", "samples"), ("real", "photographs"))
        if (found := detector.get(name))
    ]
    parts = [
        figures.markdown_table(["along", "heads turned", "either way"], turned),
        f"Picked exemplars against random ones, either way: p = "
        f"{facts['picked_and_control']['p']:.2g}. The paper shows some rows of faces and gives no "
        "number.",
        figures.markdown_table(
            ["mean yaw at", *(f"{place:g}" for place in facts["positions"])], yaws
        ),
        figures.markdown_table(
            ["landmarks on", "faces found", "mirrored yaw correlates", "its sign flips"], detected
        ),
    ]
    if hand := detector.get("by_hand"):
        counts = ", ".join(f"{count} {side}" for side, count in hand["sorted"].items())
        parts.append(
            f"Photographs sorted by hand ({counts}): of the turned ones on the right side "
            f"{figures.rate_text(hand['right_side'])}; in order: left and right "
            f"{hand['left_before_right']:.1%}, left and ahead {hand['left_before_ahead']:.1%}, "
            f"ahead and right {hand['ahead_before_right']:.1%}."
        )
    return "\n\n".join(parts)
