"""Has the generator memorised? Nearest training pictures, and jumps along walks (section 6.1).

    python -m training run memorisation --weights weights/faces --data ../shared/data/faces \\
        --json results/memorisation.json --figure ~/memorisation.png

About 10 minutes of CPU time on one thread (23 of the clock on 2 cores that were busy with other
work), most of it the features of all training pictures; `--among 5000` takes 3. The figure shows
people: keep it to yourself.

Nearest training pictures of samples, in pixels and in features, beside the same for photographs
that were never trained on: a network that had copied would draw pictures that lie nearer than
those. What a copy would look like to this measure is shown too: training pictures moved by a pixel
and saved as a poor JPEG, which should find their originals. The paper's authors doubt the whole
method: nearest neighbours are fooled by small shifts in pixels, and features have blind spots of
their own, so a good figure here proves little. They look at walks instead: memorised pictures
would follow each other in sharp transitions.

Expect, for the faces shipped: samples no nearer to a training picture than held-out photographs
are (nearer in 50% of pairs in features, in 54% in pixels; 0.2% of samples are nearer than the
nearest 1% of photographs), and no cut in 64 walks: the largest step of a walk is 1.3 times its mean
(median; at most 2.2) and at most an eighth of the way between its ends. The paper has no such
numbers, only its walks.
"""

from __future__ import annotations

import io
import itertools
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image, ImageDraw, ImageFont

from dcgan.latents import operations
from dcgan.latents.spec import Draw
from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint
from dcgan.rendering.engine import Model
from training.data.datasets import to_channels_last
from training.data.readers import DataError
from training.data.sampler import random_generator
from training.experiments import figures, trained_recipe
from training.metrics.distances import EfficientNetFeatures
from training.metrics.nearest_neighbours import (
    NEIGHBOURS,
    SPACES,
    Comparison,
    ImageSet,
    NearestImages,
    compare_to_training,
    find_nearest,
    probability_nearer,
)

SEED = 3
STEPS = 32
"""Number of steps of a walk between two latents."""
COPIES = 200
"""Number of altered copies of training images that are searched for."""
JPEG_QUALITY = 50
ROWS = 8
"""Number of samples, and of held-out images, in the figure."""
FRAMES = 17
"""Number of images per walk in the figure."""


def run(
    *,
    weights: Annotated[str, typer.Option(help="Checkpoint folder or user/repo.")],
    data: Annotated[str, typer.Option(help="Training data of the weights.")],
    recipe: Annotated[str | None, typer.Option(help=trained_recipe.HELP)] = None,
    samples: Annotated[
        int, typer.Option(min=10, help="Number of samples, and of held-out images.")
    ] = 500,
    among: Annotated[
        int | None,
        typer.Option(min=NEIGHBOURS, help="Number of training images to search; default: all."),
    ] = None,
    walks: Annotated[int, typer.Option(min=1, help="Number of walks between random latents.")] = 64,
    out: Annotated[Path | None, typer.Option("--json", help="JSON file for the results.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="PNG file for a figure of real people; not for publishing.")
    ] = None,
) -> None:
    """Section 6.1: test for memorisation by nearest training images and jumps along walks."""
    started = time.monotonic()
    opened = checkpoint.load(weights)
    pictures = trained_recipe.trained_recipe(opened, recipe).pictures(data)
    typer.echo(pictures.report())
    if len(pictures.held_out) < samples:
        raise DataError(
            f"{data} has {len(pictures.held_out)} held-out pictures to compare {samples} samples "
            "with: give --samples at most that many, or the data that it was trained on"
        )
    order = random_generator(SEED, "neighbours", 0).permutation(len(pictures.train))
    features = EfficientNetFeatures()
    drawn = opened.generator().sample(samples, SEED)
    trained, held_out, sampled = (
        ImageSet(pixels, features(pixels))
        for pixels in (
            to_channels_last(pictures.train[order[:among]]),
            to_channels_last(pictures.held_out[:samples]),
            drawn,
        )
    )
    copied = copies(trained.pixels[:COPIES])
    found = compare_to_training(sampled, held_out, trained)
    near_copies = find_nearest(ImageSet(copied, features(copied)), trained)
    walked = walk(opened, walks)
    changes = np.stack([images.frame_differences(frames) for frames in walked])
    facts = {
        "weights": opened.hash,
        "images_seen": opened.metadata.get("images_seen"),
        "seed": SEED,
        "samples": len(sampled.pixels),
        "held_out": len(held_out.pixels),
        "searched": len(trained.pixels),
        "nearest": {space: distances(found, near_copies, space) for space in SPACES},
        "walks": jumps(walked, changes),
    }
    typer.echo(report(facts))
    counts = {"training": len(pictures.train), "held-out": len(pictures.held_out)}
    figures.write_result(out, facts, started, counts)
    if figure:
        checkpoint.write_atomically(figure, images.encode_png(draw(found, walked, changes)))


def copies(pictures: np.ndarray) -> np.ndarray:
    """Return images (N, H, W, 3) uint8 shifted right by a pixel and saved as low-quality JPEG."""
    copied = []
    for picture in np.roll(pictures, 1, axis=2):
        with Image.open(io.BytesIO(images.encode_jpeg(picture, JPEG_QUALITY))) as image:
            copied.append(np.asarray(image))
    return np.stack(copied)


def distances(
    found: Comparison, near_copies: dict[str, NearestImages], space: str
) -> dict[str, Any]:
    """Summarise the distances to the nearest training image in one feature space."""
    ours = found.near_samples[space].distances[:, 0]
    theirs = found.near_held_out[space].distances[:, 0]
    copied = near_copies[space]
    return {
        "samples": _quartiles(ours),
        "held_out": _quartiles(theirs),
        "copies": _quartiles(copied.distances[:, 0]),
        # probability that a sample is nearer than a held-out image: 0.5 without memorisation
        "sample_nearer": round(probability_nearer(ours, theirs), 4),
        # share of samples below the 1% quantile of held-out images: 0.01 without memorisation
        "suspicious": round(float((ours < np.quantile(theirs, 0.01)).mean()), 4),
        "copies_found": round(float((copied.rows[:, 0] == np.arange(len(copied.rows))).mean()), 4),
    }


def _quartiles(values: np.ndarray) -> dict[str, float]:
    return {
        "least": round(float(values.min()), 2),
        "median": round(float(np.median(values)), 2),
        "largest": round(float(values.max()), 2),
    }


def walk(weights: Checkpoint, count: int) -> np.ndarray:
    """Render spherical walks between random latents: (count, STEPS + 1, H, W, 3) uint8."""
    model = Model("walked", weights)
    label = 0 if weights.config.classes else None
    legs = [(Draw(SEED, 2 * leg), Draw(SEED, 2 * leg + 1)) for leg in range(count)]
    paths = [
        operations.interpolate_keyframes(ends, STEPS + 1, closed=False, spherical=True)
        for ends in legs
    ]
    return np.stack([model.render([model.spec(z, label=label) for z in path]) for path in paths])


def jumps(walked: np.ndarray, changes: np.ndarray) -> dict[str, Any]:
    """Summarise how evenly walks change. changes: mean pixel difference per step (walks, STEPS)."""
    ends = np.array([images.frame_differences(frames[[0, -1]])[0] for frames in walked])
    ratios = changes.max(axis=1) / changes.mean(axis=1)
    return {
        "walks": len(walked),
        "steps": STEPS,
        "mean_change": round(float(changes.mean()), 3),
        "largest_change": round(float(changes.max()), 3),
        "largest_to_mean": _quartiles(ratios),
        # largest step relative to the difference between the ends: 1 would be a cut
        "largest_to_ends": _quartiles(changes.max(axis=1) / ends),
    }


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    compared = {
        "samples": f"{facts['samples']} samples",
        "held_out": f"{facts['held_out']} held-out pictures",
        "copies": f"{COPIES} copies",
    }
    nearest_ones = [
        [f"{label}, in {space}", *(f"{distance:.2f}" for distance in measured[group].values())]
        for space, measured in facts["nearest"].items()
        for group, label in compared.items()
    ]
    shares = [
        [label, *(f"{measured[key]:.1%}" for measured in facts["nearest"].values()), alike]
        for key, label, alike in (
            ("sample_nearer", "a sample is nearer than a held-out picture", "50%"),
            ("suspicious", "a sample is nearer than 99% of held-out pictures", "1%"),
            ("copies_found", "a copy finds its original", ""),
        )
    ]
    searched = f"to the nearest of {facts['searched']:,} training pictures"
    walked = facts["walks"]
    return "\n\n".join(
        [
            figures.markdown_table(
                ["how often", *(f"in {space}" for space in facts["nearest"]), "if alike"],
                shares,
            ),
            figures.markdown_table(
                [f"distance {searched}", "least", "median", "largest"], nearest_ones
            ),
            "The paper's authors doubt nearest neighbours; they look for jumps along walks, and "
            f"give no number. {walked['walks']} walks of {walked['steps']} steps: a step changes a "
            f"picture by {walked['mean_change']:.2f} of 255 on average; the largest step of a walk "
            f"is {walked['largest_to_mean']['median']:.2f} times its mean (median; at most "
            f"{walked['largest_to_mean']['largest']:.2f}) and at most "
            f"{walked['largest_to_ends']['largest']:.2f} of the way between its ends (a cut: 1).",
        ]
    )


def draw(found: Comparison, walked: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Return the figure: nearest neighbours, then the least, median and most even walk."""
    order = (changes.max(axis=1) / changes.mean(axis=1)).argsort()
    neighbours = found.figure(ROWS)
    strips = [
        _strip(walked[leg], changes[leg]) for leg in (order[-1], order[len(order) // 2], order[0])
    ]
    parts = [neighbours, *strips]
    width = max(part.shape[1] for part in parts)
    padded = [
        np.pad(part, ((0, 8), (0, width - part.shape[1]), (0, 0)), constant_values=255)
        for part in parts
    ]
    return np.concatenate(padded)


def _strip(frames: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Return a walk's images in a row, labelled with the largest step between neighbours."""
    font = ImageFont.load_default(11)
    places = np.linspace(0, STEPS, FRAMES).round().astype(int)
    row = images.make_grid(frames[places], FRAMES)
    sheet = Image.new("RGB", (row.shape[1], row.shape[0] + 16), "white")
    sheet.paste(Image.fromarray(row))
    pen, size = ImageDraw.Draw(sheet), frames.shape[2]
    for column, (start, end) in enumerate(itertools.pairwise(places), start=1):
        middle = column * size + size // 2, row.shape[0] + 2
        pen.text(middle, f"{changes[start:end].max():.1f}", "black", font, anchor="ma")
    return np.asarray(sheet)
