"""Is D a feature extractor for pictures that it was not trained on? (Section 5.1, table 1.)

    python -m training run cifar10 --weights weights/imagenet32 --data ../shared/data/cifar10 \\
        --along runs/imagenet32 --fine-tuned 3 --probe --json results/cifar10.json

On 2 cores 21 minutes and 6 GB, beside 3 GB of a file, without baseline and fine-tuning, 3 minutes
for each checkpoint of --along, 26 for --fine-tuned 3 (measured; it stood still for 16 more in
results/), and 43 for the baseline beside other work.

A linear L2-SVM on the features of a D that was trained on other pictures (`analysis.features`,
statistics re-estimated on CIFAR-10's training pictures; in bfloat16 where the processor has it,
which moves them by half a percent): with all labels, and with 400 a class as mean +- standard
deviation of ten draws. C is chosen on the fifth of the training pictures that an ordinary fit
leaves out. As a control the same network with random weights, both on 10,000 training and 5,000
test pictures; so are all checkpoints of --along, whose best on validation is taken where no
--weights are given. What the file of --json has is not measured again, so that a part can be added.
The baseline is one layer of K-means (`metrics.kmeans`) on the same pictures and draws, as large as
the paper's; --kmeans 0 leaves it out. Fine-tuning, which is not in the paper, trains all of D and a
linear layer on its last maps on the labels of a draw, and the same network from random weights.

Deviation: of CIFAR-10's 10,000 test pictures 5,000 are at hand.

Expect in the paper 82.8 and 73.8 +- 0.4, from ImageNet-1k, and 80.6 and 63.7 of K-means. A D that
saw 46,000 pictures of 200 classes instead of 1.3 million of 1,000 must be worse; by how much is the
question here. Fine-tuning did not help: 59.0 +- 0.4 against 64.6 of the classifier on fixed
features, though it beats the 54.7 of random weights. K-means came out at 75.1 and 62.4 +- 0.5: with
all labels as good as this D, with 400 a class worse.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from dcgan.analysis import features, probe
from dcgan.analysis.probe import Probe
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint
from dcgan.models.networks import Discriminator
from training import records
from training.core.state import StateError
from training.data.datasets import load_attributes
from training.data.readers import DataError, find_test_file
from training.data.sampler import random_generator
from training.experiments import figures, linear_evaluation
from training.experiments.supervised import LabelledImages, autocast, channels_last
from training.metrics import kmeans
from training.metrics.linear_svm import LabelledFeatures

CS = (1e-6, 1e-5, 1e-4, 1e-3)
KMEANS_CS = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
"""Class names, indexed by label."""
CONTROL = 10_000
"""Number of training images of the control experiment."""
QUOTED = {
    "1-layer K-means": (80.6, 63.7),
    "3-layer K-means Learned RF": (82.0, 70.7),
    "View Invariant K-means": (81.9, 72.6),
    "Exemplar CNN": (84.3, 77.4),
    "DCGAN + L2-SVM": (82.8, 73.8),
}
"""Accuracies of the paper's table 1 in percent, with all labels and with 400 per class (quoted)."""


def run(
    *,
    data: Annotated[str, typer.Option(help="Folder of CIFAR-10 with a column `label`.")],
    weights: Annotated[
        str | None,
        typer.Option(help="Checkpoint folder or user/repo with D; default: best of --along."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="Parquet file of test images; default: test-*.parquet in --data."),
    ] = None,
    along: Annotated[
        Path | None, typer.Option(help="Folder of a run; all of its checkpoints are measured.")
    ] = None,
    centroids: Annotated[
        int,
        typer.Option(
            "--kmeans", min=0, help="Number of centroids of the K-means baseline; 0: no baseline."
        ),
    ] = 4800,
    tuned: Annotated[
        int,
        typer.Option(
            "--fine-tuned",
            min=0,
            help="Number of label draws to fine-tune D on; 0: no fine-tuning.",
        ),
    ] = 0,
    kept: Annotated[
        bool,
        typer.Option("--probe", help="Write the all-label classifier to the folder of --weights."),
    ] = False,
    out: Annotated[Path | None, typer.Option("--json", help="JSON file for the results.")] = None,
) -> None:
    """Table 1: accuracy on CIFAR-10 with all labels and with 400 per class."""
    started = time.monotonic()
    earlier = checkpoints(along) if along else []
    if not weights and not earlier:
        raise typer.BadParameter("give --weights, or --along to take the best of a run")
    if kept and weights and not Path(weights).is_dir():
        raise DataError(f"--probe writes to the folder of the weights: {weights} is none")
    opened = checkpoint.load(weights) if weights else earlier[-1]
    network = opened.discriminator()
    known = read(data, network)
    asked = read(str(test or find_test_file(data)), network)
    pictures = {"training": len(known.labels), "test": len(asked.labels), "control": CONTROL}
    before = records.read(out, dict[str, Any])
    if before.get("pictures") != pictures:
        before = {}
    curve: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)

        def subset(by: Discriminator) -> dict[str, float]:
            _, rows, aside = seen(by, known[:CONTROL], asked, scratch)
            return linear_evaluation.accuracy_all_labels(rows, aside, CS)[0]

        for passed in earlier:
            curve.append(point_of(passed, before, subset))
            typer.echo(f"{curve[-1]['images']:,} images: {curve[-1]['validation']:.2%} validation")
            figures.write_result(
                out, before | {"pictures": pictures, "curve": curve}, started, pictures
            )
        if not weights:
            best = max(curve, key=lambda point: point["validation"])
            opened = earlier[curve.index(best)]
            network = opened.discriminator()
            typer.echo(f"going on with {opened.folder}")
        facts: dict[str, Any] = {
            "weights": opened.hash,
            "images_seen": opened.metadata.get("images_seen"),
            "seed": linear_evaluation.SEED,
            "pictures": pictures,
            "features": features.feature_length(network.config),
        }
        same = before if before.get("weights") == opened.hash else {}
        curve = curve or same.get("curve", [])
        if kept or "few" not in same:
            trained = point_of(opened, {"curve": curve}, subset)
            torch.manual_seed(linear_evaluation.SEED)
            facts["control"] = {
                "trained": trained,
                "untrained": subset(Discriminator(network.config)),
            }
            facts |= of_features(opened, network, known, asked, scratch, kept)
    started -= 60 * same.get("run", {}).get("minutes", 0)
    facts = same | facts | {"curve": curve}
    if "kmeans" in before:  # the baseline does not depend on the weights
        facts["kmeans"] = before["kmeans"]
    figures.write_result(out, facts, started, pictures)  # the rest takes as long again
    if centroids and facts.get("kmeans", {}).get("centroids") != centroids:
        facts["kmeans"] = baseline(known, asked, centroids)
        figures.write_result(out, facts, started, pictures)
    if tuned and facts.get("fine_tuned", {}).get("draws") != tuned:
        facts["fine_tuned"] = linear_evaluation.accuracy_fine_tuned(network, known, asked, tuned)
    typer.echo(report(facts))
    figures.write_result(out, facts, started, pictures)


def checkpoints(run: Path) -> list[Checkpoint]:
    """Load a run's checkpoints in order of images seen. Raises StateError if there are none."""
    found = sorted((run / "checkpoints").glob("[0-9]*"))
    if not found:
        raise StateError(
            f"{run} has no checkpoints: give the folder of a run that has reached its first"
        )
    return [checkpoint.load(path) for path in found]


def point_of(
    opened: Checkpoint,
    before: dict[str, Any],
    measure: Callable[[Discriminator], dict[str, float]],
) -> dict[str, Any]:
    """Return a checkpoint's point of the curve: from earlier results, or newly measured."""
    for point in before.get("curve", []):
        if point["weights"] == opened.hash:
            return point
    facts = {"images": opened.metadata.get("images_seen"), "weights": opened.hash}
    return facts | measure(opened.discriminator())


def read(data: str, network: Discriminator) -> LabelledImages:
    """Read images and labels in random order.

    Raises DataError if the labels are not 0 to 9 with enough images each, and FeatureError if the
    network is class-conditional.
    """
    config = network.config
    pool = load_attributes(data, config.image_size, config.channels, ["label"], grey=True)
    labels = pool.labels[:, 0].astype(np.int64)
    if (
        labels.min() < 0
        or labels.max() >= linear_evaluation.CLASSES
        or np.bincount(labels).min() < linear_evaluation.PER_CLASS
    ):
        raise DataError(
            f"{data} must have labels 0 to {linear_evaluation.CLASSES - 1}, at least "
            f"{linear_evaluation.PER_CLASS} "
            "of each; it has "
            + ", ".join(f"{n:,} of {label}" for label, n in Counter(labels.tolist()).most_common())
        )
    features.extract_features(network, pool.pictures[:1])
    order = random_generator(linear_evaluation.SEED, "order", 0).permutation(len(labels))
    return LabelledImages(pool.pictures[order], labels[order])


def seen(
    network: Discriminator, known: LabelledImages, asked: LabelledImages, scratch: Path
) -> tuple[Discriminator, LabelledFeatures, LabelledFeatures]:
    """Return D with statistics of the training images, and its features of both parts.

    The features are memory-mapped files in `scratch`, which the next call overwrites.
    """
    with autocast():
        used = features.reestimate_statistics(channels_last(network), known.pictures)

        def of(pictures: np.ndarray) -> torch.Tensor:
            return features.extract_features(used, pictures).float()

        numbers = features.feature_length(used.config)
        rows = _written(of, numbers, known, scratch / "training.npy")
        aside = _written(of, numbers, asked, scratch / "test.npy")
    return used, rows, aside


def of_features(
    opened: Checkpoint,
    network: Discriminator,
    known: LabelledImages,
    asked: LabelledImages,
    scratch: Path,
    kept: bool,
) -> dict[str, Any]:
    """Measure both accuracies of D's features. kept: save the all-label classifier as a probe."""
    used, rows, aside = seen(network, known, asked, scratch)
    found, fitted = linear_evaluation.accuracy_all_labels(rows, aside, CS)
    if kept:
        usual = rows.features.mean(axis=0, dtype=np.float32)
        counts = {"pictures": len(known.labels), "test": len(asked.labels)}
        facts = {"data": "CIFAR-10", **counts, **found}
        probe.save_probe(
            opened.folder, Probe(NAMES, fitted.weights, fitted.intercepts, usual, facts), used
        )
    return {"all": found, "few": linear_evaluation.accuracy_few_labels(rows, aside, CS)}


def baseline(known: LabelledImages, asked: LabelledImages, centroids: int) -> dict[str, Any]:
    """Measure both accuracies of one layer of K-means features trained on the same images."""
    layer = kmeans.train_layer(known.pictures, centroids, linear_evaluation.SEED)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{part}.npy" for part in ("training", "test")]
        for file, part in zip(files, (known, asked), strict=True):
            _written(layer, layer.length, part, file)
        first, second = kmeans.standardise(files)
        rows, aside = LabelledFeatures(first, known.labels), LabelledFeatures(second, asked.labels)
        return {
            "centroids": centroids,
            "features": layer.length,
            "all": linear_evaluation.accuracy_all_labels(rows, aside, KMEANS_CS)[0],
            "few": linear_evaluation.accuracy_few_labels(rows, aside, KMEANS_CS),
        }


def _written(
    of: Callable[[np.ndarray], torch.Tensor], numbers: int, part: LabelledImages, file: Path
) -> LabelledFeatures:
    """Write features to a file with `features.write_in_batches` and show a progress bar."""
    with typer.progressbar(length=len(part.labels), label=f"features, {file.stem}") as shown:
        found = features.write_in_batches(
            of, numbers, part.pictures, file, lambda done: shown.update(done - shown.pos)
        )
    return LabelledFeatures(found, part.labels)


def report(facts: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    control, pictures, tuned = facts["control"], facts["pictures"], facts.get("fine_tuned")
    measured = {"1-layer K-means": facts.get("kmeans"), "DCGAN + L2-SVM": facts}
    rows = []
    for name, (all_labels, few_labels) in QUOTED.items():
        found = measured.get(name)
        full, part = (_percent(found["all"]), _percent(found["few"])) if found else (None, None)
        label = name if found else f"{name} (quoted)"
        rows.append([label, full, f"{all_labels:.1f}", part, f"{few_labels:.1f}"])
    notes = [_choice(name, found) for name, found in measured.items() if found]
    if tuned:
        rows += [
            ["this D, fine-tuned", None, None, _percent(tuned), None],
            [
                "the same network, trained from random weights",
                None,
                None,
                _percent(tuned["untrained"]),
                None,
            ],
        ]
        notes.append(
            f"- fine-tuned: {tuned['epochs']} epochs at rate {tuned['rate']:g}, on the first "
            f"{tuned['draws']} of the draws; from random weights at rate "
            f"{tuned['untrained']['rate']:g}, on the first"
        )
    head = ["accuracy in %", f"{pictures['training']:,} labels", "the paper"]
    along = [("random weights", 0, control["untrained"])]
    on_the_way = (point for point in facts["curve"] if point["weights"] != facts["weights"])
    along += [("on the way", point["images"], point) for point in on_the_way]
    along.append(("this D", facts["images_seen"], control["trained"]))
    return "\n\n".join(
        [
            figures.markdown_table(
                [*head, f"{linear_evaluation.PER_CLASS} a class", "the paper"], rows
            ),
            "\n".join(notes),
            f"Ours is of {pictures['test']:,} test pictures, the paper's of all 10,000.",
            figures.markdown_table(
                [f"with {pictures['control']:,} labels", "images seen", "validation", "test"],
                [
                    [
                        name,
                        "" if images is None else f"{images:,}",
                        f"{point['validation']:.1%}",
                        f"{point['accuracy']:.1%}",
                    ]
                    for name, images, point in along
                ],
            ),
        ]
    )


def _percent(found: dict[str, float]) -> str:
    deviation = f" +- {100 * found['deviation']:.1f}" if "deviation" in found else ""
    return f"{100 * found['accuracy']:.1f}{deviation}"


def _choice(name: str, found: dict[str, Any]) -> str:
    centroids = f"{found['centroids']:,} centroids, " if "centroids" in found else ""
    return (
        f"- {name}: {centroids}{found['features']:,} features, C {found['all']['c']:g} and "
        f"{found['few']['c']:g}"
    )
