"""Report of a training run: an HTML file with its curves, its sample grids as a film, its settings.

The file is self-contained: images, styles and the page's chart.js are embedded.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path
from statistics import mean, median
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from dcgan.paths import WEB
from training.core import run_log
from training.core.state import StateError, newest_facts
from training.recipes import TEXT_FIELDS

HERE = Path(__file__).parent
CHART = WEB / "widgets" / "chart.js"
MAX_FRAMES, MAX_POINTS = 120, 150
"""Largest numbers of frames of the film and of points of a line of the log."""
EPOCHS = (1, 5)
"""Epochs after which the paper shows samples (figures 2 and 3)."""
PNG_END = b"IEND\xaeB`\x82"

Entry = dict[str, Any]
Line = tuple[str, str]
"""Key in the log or the curve, and its label."""
OF_LOG: dict[str, list[Line]] = {
    "Losses": [("loss_d", "D"), ("loss_g", "G")],
    "D's answers (1: it takes a picture for real)": [
        ("d_real", "on training pictures"),
        ("d_fake", "on generated pictures"),
    ],
    "Images a second": [("images_per_second", "images a second")],
    "G's feature maps in its worst layer, as shares": [
        ("dead", "dead"),
        ("duplicated", "duplicated"),
    ],
    "Diversity of G's pictures (1: that of real ones)": [("diversity", "diversity")],
}
PRECISION: list[Line] = [("precision", "precision"), ("recall", "recall")]
NAMES = {
    "images": "images seen",
    "kid": "KID",
    "frechet": "Fréchet distance",
    "n": "pictures compared (n)",
}


@dataclass
class Chart:
    """Input of chart.js.

    lines: at most three of {name, points: [{x, y, said}]}. marks: {x, y, words}. x, y: "from", the
    start of the axis (None: at the data), with "label" (x) or "log", whether it is logarithmic (y).
    """

    title: str
    lines: list[dict[str, Any]]
    marks: list[dict[str, Any]]
    x: dict[str, Any]
    y: dict[str, Any]
    dense: bool
    """Whether the points are so many that their marks would hide the line."""


def run_report(run: Path) -> str:
    """Return the HTML report of a run from the current content of its folder.

    A report without run.json, grids or checkpoints says what is missing. Raises RecordError for a
    damaged run.json, and StateError for a folder with neither a log, a state nor a curve.
    """
    numbers, events = _log(run)
    record = run_log.read_record(run)
    try:
        facts = newest_facts(run)
    except StateError:
        if not numbers and not record.curve:
            raise StateError(
                f"{run} is no run: it has neither a {run_log.LOG_FILE} nor a saved state; give the "
                "--out of a training run"
            ) from None
        facts = {}
    made = {name: value for name, value in asdict(record).items() if value is not None}
    curve: list[Entry] = facts.get("curve", []) if record.curve is None else record.curve
    before = record.init.images if record.init else facts.get("images_before") or 0
    recipe = made.get("recipe") or facts.get("recipe", {})
    seen = max(before, _seen(facts), *(entry["images"] for entry in [*numbers, *curve]))
    grids = _grids(run, seen)
    seconds = max([facts.get("seconds", 0.0), *(entry.get("seconds", 0) for entry in numbers)])
    paces = [entry["images_per_second"] for entry in numbers if "images_per_second" in entry]
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("run_report.html").render(
        name=run.resolve().name,
        seen=seen,
        before=before,
        minutes=seconds / 60,
        overall=(seen - before) / seconds if seconds else None,
        typical=median(paces) if paces else None,
        recipe=_settings(recipe),
        description=recipe.get("description"),
        made=made,
        parts=_parts(made["parts"], numbers),
        curve=curve,
        columns={key: _name(key) for key in _columns(curve)},
        best=min((entry for entry in curve if "kid" in entry), key=itemgetter("kid"), default=None),
        film=[
            {"images": images, "src": _source(grids[images])} for images in _evenly_spaced(grids)
        ],
        size=_size(grids),
        epochs=_epochs(made, recipe, before, grids),
        charts=[asdict(chart) for chart in _charts(numbers, curve, before)],
        lines=len(numbers),
        points=MAX_POINTS,
        events=events,
        chart_js=CHART.read_text(encoding="utf-8"),
    )


# --- what the folder holds


def _log(run: Path) -> tuple[list[Entry], list[Entry]]:
    """Read the log: lines of numbers, and events without duplicates.

    After a kill and --resume, and after a rollback, the log has some steps twice. The numbers that
    were written last are kept. All events are kept, because a rollback's own event comes first.
    """
    path = run / run_log.LOG_FILE
    numbers: list[Entry] = []
    events: dict[tuple[int, str], Entry] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:  # a line cut off when the process was killed
            continue
        if "event" in entry:
            events[entry["step"], entry["event"]] = entry
            continue
        while numbers and numbers[-1]["step"] >= entry["step"]:
            numbers.pop()
        numbers.append(entry)
    return numbers, list(events.values())


def _seen(facts: dict[str, Any]) -> int:
    """Return the images seen when the state was saved, which may be after the log's last line."""
    if "recipe" not in facts:  # early versions saved states without the recipe
        return 0
    recipe = facts["recipe"]
    batches = facts["step"] // (2 if recipe["updates"] == "alternating" else 1)
    return (facts.get("images_before") or 0) + batches * recipe["batch_size"]


def _grids(run: Path, seen: int) -> dict[int, Path]:
    """Return the sample grids by images seen.

    Leaves out files that a kill has truncated, and files of steps beyond the state that the run
    was resumed from.
    """
    paths = sorted((run / "samples").glob("[0-9]*.png"))
    return {
        int(path.stem): path
        for path in paths
        if int(path.stem) <= seen and path.read_bytes().endswith(PNG_END)
    }


# --- pictures


def _evenly_spaced(grids: dict[int, Path]) -> list[int]:
    """Select at most MAX_FRAMES grids at even distances, including the first and the last."""
    all_of_them = list(grids)
    last = len(all_of_them) - 1
    count = min(MAX_FRAMES, len(all_of_them))
    return [all_of_them[round(index * last / max(1, count - 1))] for index in range(count)]


def _source(path: Path) -> str:
    """Return a grid as a data URI; WebP takes an eighth of the PNG's size."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(buffer, "WEBP", quality=85, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _size(grids: dict[int, Path]) -> tuple[int, int]:
    """Return (width, height) of the last grid in pixels."""
    if not grids:
        return (0, 0)
    with Image.open(grids[max(grids)]) as picture:
        return picture.size


def _epochs(
    made: dict[str, Any], recipe: Entry, before: int, grids: dict[int, Path]
) -> list[dict[str, Any]]:
    """Return for each of EPOCHS the images seen at its end and the first grid from there on.

    A grid is None if there is none yet. The list is empty if run.json does not give the size of an
    epoch.
    """
    if "pictures" not in made:
        return []
    epoch = made["pictures"]["train"] // recipe["batch_size"] * recipe["batch_size"]
    found = []
    for number in EPOCHS:
        wanted = before + number * epoch
        images = min((images for images in grids if images >= wanted), default=None)
        source = _source(grids[images]) if images is not None else None
        found.append({"number": number, "wanted": wanted, "images": images, "src": source})
    return found


# --- figures


def _columns(curve: Sequence[Entry]) -> list[str]:
    """Return the columns of the table of checkpoints: all metrics, and n last."""
    keys = dict.fromkeys(key for entry in curve for key in entry if _is_number(entry[key]))
    measured = [key for key in keys if key not in ("images", "minutes", "n")]
    return ["images", "minutes", *measured, *(["n"] if "n" in keys else [])]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _parts(parts: Sequence[Entry], numbers: Sequence[Entry]) -> list[Entry]:
    """Add to each part of the run its median of images per second (None: no lines in the log)."""
    ends = [*(part["from_step"] for part in parts[1:]), math.inf]
    found = []
    for part, end in zip(parts, ends, strict=False):
        paces = [
            entry["images_per_second"]
            for entry in numbers
            if part["from_step"] < entry["step"] <= end and "images_per_second" in entry
        ]
        found.append({**part, "pace": median(paces) if paces else None})
    return found


def _settings(recipe: Entry) -> list[tuple[str, str, str]]:
    """Return (field, value, reason for deviating from the paper) of the recipe and its model."""
    reasons = recipe.get("deviations", {})
    fields = {k: v for k, v in recipe.items() if k not in (*TEXT_FIELDS, "model")}
    fields |= {f"model.{name}": value for name, value in recipe.get("model", {}).items()}
    return [(name, _words(value), reasons.get(name, "")) for name, value in fields.items()]


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_words(values)}" for key, values in value.items()) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    named = {True: "yes", False: "no", None: "none"}
    return named[value] if value is None or isinstance(value, bool) else str(value)


# --- curves


def _charts(numbers: Sequence[Entry], curve: Sequence[Entry], before: int) -> list[Chart]:
    """Return the charts of the checkpoints' metrics, then those of the log."""
    alone = [
        [(key, _name(key))]
        for key in _columns(curve)[2:]
        if (key, key) not in PRECISION and key != "n" and not key.endswith("_n")
    ]
    charts = [_chart(_name(line[0][0]), line, curve, before) for line in alone]
    charts.append(_chart("Precision and recall", PRECISION, curve, before))
    charts += [_chart(title, lines, numbers, before, MAX_POINTS) for title, lines in OF_LOG.items()]
    return [chart for chart in charts if chart.lines]


def _chart(
    title: str, lines: Iterable[Line], entries: Sequence[Entry], before: int, most: int = 0
) -> Chart:
    """Build a chart of some keys of the entries.

    most: maximum number of points per line, each a mean over an equal span of images seen. With 0
    all points are shown, on a logarithmic axis if they span more than a decade.
    """
    drawn, marks = [], []
    for key, name in lines:
        pairs = [(entry["images"], entry[key]) for entry in entries if _is_number(entry.get(key))]
        if not pairs:
            continue
        if key == "kid":
            x, y = min(pairs, key=itemgetter(1))
            marks.append({"x": x, "y": y, "words": "lowest"})
        points = [
            {"x": x, "y": y, "said": f"{x:,.0f} images seen: {name} {y:.4g}"}
            for x, y in (_means(pairs, most) if most else pairs)
        ]
        drawn.append({"name": name, "points": points})
    values = [point["y"] for line in drawn for point in line["points"]]
    low, high = min(values, default=0), max(values, default=0)
    y = {"from": None if low < 0 else 0, "log": not most and 0 < 10 * low < high}
    return Chart(title, drawn, marks, {"from": before, "label": "images seen"}, y, bool(most))


def _means(pairs: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    if len(pairs) <= most:
        return list(pairs)
    first, last = pairs[0][0], pairs[-1][0]
    spans: dict[int, list[tuple[float, float]]] = {}
    for x, y in pairs:
        spans.setdefault(min(most - 1, int((x - first) / (last - first) * most)), []).append((x, y))
    return [(mean(x for x, _ in span), mean(y for _, y in span)) for span in spans.values()]


def _name(key: str) -> str:
    return NAMES.get(key, key.replace("_", " "))
