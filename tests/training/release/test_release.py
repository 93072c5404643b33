"""What a shipped folder holds, from tiny runs on made pictures and on a few real faces."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from dcgan.media import images
from dcgan.models import checkpoint
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.rendering import engine
from tests.training import small
from training.core import run_log
from training.core.loop import Budget, Run
from training.core.state import StateError
from training.data.datasets import DEFAULT_HELD_OUT, hash_position, load_images
from training.data.readers import DataError
from training.data.sampler import random_generator
from training.metrics.distances import EfficientNetFeatures
from training.recipes import RECIPES, Recipe
from training.release import model_card, release
from training.release.release import ShipError, recipe_of_run

MADE = dataclasses.replace(
    small.RECIPE,
    batch_size=32,
    deviations={"mirror": "to see more", "model.generator_widths": "to be quick"},
)
REAL = dataclasses.replace(
    MADE,
    model=dataclasses.replace(
        MADE.model,
        image_size=64,
        generator_strides=(4, 4),
        discriminator_strides=(4, 4),
    ),
)
TWIN = dataclasses.replace(
    MADE,
    description="The same network for some of the pictures.",
    keep={"source": ["celeba", "elsewhere"]},
    deviations={**MADE.deviations, "keep": "no news"},
)
KIDS = (0.9, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.25)
BASELINE = {"recipe": "faces-common", "minutes": 20.5, "images_seen": 123456, "kid": 0.75}


@dataclass
class Shipped:
    """A run, the data it was trained on, and what was made of them."""

    run: Path
    data: Path
    recipe: str
    weights: Checkpoint
    complete: bool
    """With a baseline and known weaknesses."""

    @property
    def curve(self) -> list[dict[str, Any]]:
        return run_log.read_curve(self.run)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The training rows, chosen without the loader (grey photographs apart)."""
        table = pq.read_table(self.data / "train.parquet").to_pylist()
        return [
            row for row in table if hash_position(row["image"]["bytes"], row) >= DEFAULT_HELD_OUT
        ]


def made_rows() -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    return [
        {
            "image": {"bytes": small.png(picture), "path": None},
            "source": ["celeba", "lfw", "elsewhere"][number % 3],
            **{label: int(random.integers(-1, 2)) for label in model_card.SOURCES["celeba"].labels},
        }
        for number, picture in enumerate(small.pictures(240))
    ]


def train(run: Path, data: Path, recipe: Recipe, name: str) -> None:
    """Eight epochs; so few pictures have no KID, so the curve gets some."""
    trained = Run(recipe, recipe.pictures(data), run, "no", name=name, data=str(data))
    epochs = range(1, len(KIDS) + 1)
    steps = len(epochs) * trained.trainer.batches.steps_per_epoch
    trained.train(Budget(steps=steps, checkpoint_epochs=tuple(epochs)), lambda _: None)
    pairs = zip(trained.curve, KIDS, strict=True)
    curve = [entry | {"kid": kid, "n": 2000} for entry, kid in pairs]
    for change in (small.change_facts, small.change_record):
        change(run, lambda facts: facts | {"curve": curve})


@pytest.fixture(scope="module", autouse=True)
def recipes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "made", MADE)
        patch.setitem(RECIPES, "twin", TWIN)
        patch.setitem(RECIPES, "real", REAL)
        yield


@pytest.fixture(scope="module", params=["made", pytest.param("real", marks=pytest.mark.long)])
def shipped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    torch.set_num_threads(1)
    folder, name = tmp_path_factory.mktemp(request.param), request.param
    run, data, out = folder / "run", folder / "data", folder / "tiny"
    data.mkdir()
    if name == "made":
        table = pa.Table.from_pylist(made_rows())
    else:
        shared: Path = request.getfixturevalue("shared")
        [file] = (shared / "data" / "faces").glob("*.parquet")
        table = next(pq.ParquetFile(file).iter_batches(batch_size=240))
        table = pa.Table.from_batches([table]).replace_schema_metadata(None)
    pq.write_table(table, data / "train.parquet")
    train(run, data, RECIPES[name], name)
    if name == "real":
        weights = release.release_run(run, out, str(data))
    else:
        baseline, weaknesses = folder / "baseline.json", folder / "weaknesses.md"
        baseline.write_text(json.dumps(BASELINE))
        weaknesses.write_text("- Hats.\n- Hands.\n")
        weights = release.release_run(run, out, str(data), baseline=baseline, weaknesses=weaknesses)
    return Shipped(run, data, name, weights, complete=name == "made")


def section(card: str, title: str) -> str:
    [text] = re.findall(rf"^## {title}\n\n(.*?)(?=\n\n## |\Z)", card, re.M | re.S)
    return text


def table(text: str, header: str) -> list[list[str]]:
    """The cells of the rows below a table's header."""
    [rows] = re.findall(rf"^\| {re.escape(header)} \|.*\n\|[ -|]*\n((?:\|.*\n?)+)", text, re.M)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())))


def test_the_best_weights_are_shipped_whole(shipped: Shipped) -> None:
    best = checkpoint.load(shipped.run / "checkpoints" / f"{shipped.curve[6]['images']:09d}")
    assert shipped.weights.hash == best.hash
    shipped.weights.generator(), shipped.weights.discriminator()
    assert list(shipped.weights.directions) == [f"pc{number}" for number in range(1, 9)]


def test_the_front_matter_says_what_the_weights_are(shipped: Shipped) -> None:
    metadata, chosen = shipped.weights.metadata, shipped.curve[6]
    assert metadata["license"] == "other"
    assert metadata["license_name"] == "research-noncommercial"
    assert metadata["images_seen"] == chosen["images"]
    assert metadata["minutes"] == chosen["minutes"]
    assert (metadata["kid"], metadata["kid_n"]) == (KIDS[6], 2000)
    assert set(metadata["datasets"]) == {row["source"] for row in shipped.rows}
    quality = section(shipped.weights.card, "Quality")
    assert f"KID {KIDS[6]:.5f}," in quality
    assert f"{metadata['kid_real']:.5f}" in quality


def test_stages_are_generators_of_the_run(shipped: Shipped) -> None:
    found = engine.discover_checkpoints(shipped.weights.folder.parent)
    stages = {name: checkpoint.load(path) for name, path in found.items() if "/" in name}
    per_epoch = shipped.curve[0]["images"]
    assert set(stages) == {
        "tiny/epoch-1", f"tiny/seen-{2 * per_epoch}", f"tiny/seen-{3 * per_epoch}",
        f"tiny/seen-{4 * per_epoch}", "tiny/epoch-5",
    }  # fmt: skip
    kids = {entry["images"]: entry["kid"] for entry in shipped.curve}
    for stage in stages.values():
        seen = stage.metadata["images_seen"]
        assert stage.metadata["kid"] == kids[seen]
        assert stage.directions == shipped.weights.directions
        expected = checkpoint.load(shipped.run / "checkpoints" / f"{seen:09d}").generator()
        for name, tensor in stage.generator().state_dict().items():
            assert torch.equal(tensor, expected.state_dict()[name]), name
        with pytest.raises(CheckpointError, match="missing"):
            stage.discriminator()


def test_the_curve_is_the_run_s(shipped: Shipped) -> None:
    rows = table(section(shipped.weights.card, "Training"), "Images")
    assert [(int(i.replace(",", "")), float(m), float(k)) for i, m, k in rows] == [
        (entry["images"], entry["minutes"], entry["kid"]) for entry in shipped.curve
    ]


def test_pictures_are_counted_by_source_and_label(shipped: Shipped) -> None:
    size = shipped.weights.config.image_size
    loaded = load_images(shipped.data, size, 3)
    data, rows = section(shipped.weights.card, "Data and terms"), shipped.rows
    assert f"Trained on {len(loaded.train)} pictures. Another {len(loaded.held_out)}," in data
    assert len(rows) == len(loaded.train), "or there are grey ones among them: take other rows"
    named = {source.name: key for key, source in model_card.SOURCES.items()} | {
        "elsewhere": "elsewhere"
    }
    counts = {}
    for name, count, share, _ in table(data, "Source"):
        counts[named[re.sub(r"\[(.*)\]\(.*\)", r"\1", name)]] = int(count)
        assert share == f"{int(count) / len(rows):.1%}"
    sources = [row["source"] for row in rows]
    assert counts == {source: sources.count(source) for source in set(sources)}
    labels = table(data, "Label")
    assert [(label, named[name]) for label, name, *_ in labels if name == "CelebA"] == [
        (label, "celeba") for label in ("smiling", "eyeglasses", "male", "young")
    ]
    for label, name, share, count in labels:
        values = [row[label] for row in rows if row["source"] == named[name] and row[label] >= 0]
        assert (share, count) == (f"{sum(values) / len(values):.1%}", str(len(values)))


def test_every_deviation_stands_beside_the_paper(shipped: Shipped) -> None:
    assert table(section(shipped.weights.card, "Recipe"), "Field") == [
        ["`mirror`", "yes", "no", "to see more"],
        ["`model.generator_widths`", "8, 6", "1024, 512, 256, 128", "to be quick"],
    ]


def test_the_grid_is_what_anyone_draws(shipped: Shipped) -> None:
    model = engine.Model("tiny", shipped.weights)
    drawn = images.make_grid(model.render([model.sample(0, index) for index in range(64)]))
    grid = picture(shipped.weights.folder / "grid.png")
    assert grid.shape == (8 * model.config.image_size, 8 * model.config.image_size, 3)
    assert np.abs(grid.astype(int) - drawn).max() <= 1, "batches of two sizes round differently"


def test_distances_are_those_to_all_training_pictures(shipped: Shipped) -> None:
    """So few are all searched. In pixels, by numpy alone."""
    size = shipped.weights.config.image_size
    loaded = load_images(shipped.data, size, 3)
    training, held_out = (
        part.transpose(0, 2, 3, 1).astype(float) for part in (loaded.train, loaded.held_out)
    )
    text = section(shipped.weights.card, "Nearest training pictures")
    assert f"nearest of {len(training)} training pictures" in text
    assert f"n = {len(held_out)} samples" in text
    samples = shipped.weights.generator().sample(len(held_out), 0)
    rows = {name: cells for name, *cells in table(text, "")}
    for name, some in (("Samples", samples), ("Held out", held_out)):
        distances = [
            min(
                np.sqrt(np.mean((one - side) ** 2, axis=(1, 2, 3))).min()
                for side in (training, training[:, :, ::-1])
            )
            for one in some
        ]
        median, least = map(float, rows[name][2:])
        assert median == pytest.approx(np.median(distances), abs=0.006)
        assert least == pytest.approx(min(distances), abs=0.006)
    assert picture(shipped.run / "neighbours.png").shape[1] > 14 * 64
    assert not (shipped.weights.folder / "neighbours.png").exists()  # photographs of people


def test_the_floor_is_the_distance_of_photographs_to_photographs(shipped: Shipped) -> None:
    """Kernel (x.y / d + 1)^3, unbiased, by numpy, on as many training pictures as held-out ones."""
    loaded = load_images(shipped.data, shipped.weights.config.image_size, 3)
    count = len(loaded.held_out)
    order = random_generator(0, "neighbours", 0).permutation(len(loaded.train))[:count]
    features = EfficientNetFeatures()
    x, y = (
        features(np.ascontiguousarray(part.transpose(0, 2, 3, 1))).double().numpy()
        for part in (loaded.train[order], loaded.held_out)
    )
    within_x, within_y, across = (
        (one @ other.T / x.shape[1] + 1) ** 3 for one, other in ((x, x), (y, y), (x, y))
    )
    pairs = sum(kernel.sum() - kernel.trace() for kernel in (within_x, within_y))
    expected = pairs / (count * (count - 1)) - 2 * across.mean()
    assert shipped.weights.metadata["kid_real"] == pytest.approx(expected, abs=1e-6)
    assert f"(n = {count} of each)" in section(shipped.weights.card, "Quality")


def test_baseline_and_weaknesses_stand_where_given(shipped: Shipped) -> None:
    card = shipped.weights.card
    assert ("## Known weaknesses\n\n- Hats.\n- Hands.\n" in card) == shipped.complete
    assert ("baseline" in section(card, "Quality")) == shipped.complete
    if shipped.complete:
        this, equal, baseline = table(section(card, "Quality"), "Recipe")
        assert this[1:] == [str(shipped.curve[6]["minutes"]), f"{shipped.curve[6]['images']:,}",
                            f"{KIDS[6]:.5f}"]  # fmt: skip
        nearest = min(shipped.curve, key=lambda entry: abs(entry["minutes"] - 20.5))
        assert equal[2:] == [f"{nearest['images']:,}", f"{nearest['kid']:.5f}"]
        assert baseline[0].startswith("`faces-common`: The recipe most people copy")
        assert baseline[1:] == ["20.5", "123,456", "0.75000"]


def test_what_is_wrong_is_said_before_anything_is_written(shipped: Shipped, tmp_path: Path) -> None:
    run, data, name, out = shipped.run, str(shipped.data), shipped.recipe, tmp_path / "out"
    with pytest.raises(ShipError, match="there is no recipe 'portraits'; choose faces,"):
        release.release_run(run, out, data, "portraits")
    with pytest.raises(ShipError, match=f"with the recipe '{name}', not 'faces': leave out --rec"):
        release.release_run(run, out, data, "faces")
    wrong = tmp_path / "baseline.json"
    for text in ("{", "[]", '{"recipe": "faces"}', json.dumps({**BASELINE, "recipe": "mine"})):
        wrong.write_text(text)
        with pytest.raises(ShipError, match=r"baseline\.json is no baseline .* JSON object with"):
            release.release_run(run, out, data, name, baseline=wrong)
    few = small.write_folder(tmp_path / "few", 12)
    with pytest.raises(DataError, match=r"found no 64x64|held-out pictures, and a card shows 8"):
        release.release_run(run, out, str(few), name)
    assert not out.exists()
    before = shipped.weights.card
    with pytest.raises(FileExistsError, match="is not empty: give a new folder"):
        release.release_run(run, shipped.weights.folder, data, name)
    assert shipped.weights.card == before


def test_the_best_d_is_shipped_where_its_accuracies_are_given(
    shipped: Shipped, tmp_path: Path
) -> None:
    run, data, name = shipped.run, str(shipped.data), shipped.recipe
    by, images_seen = tmp_path / "cifar10.json", [entry["images"] for entry in shipped.curve]
    points = [
        {"images": images, "c": 1e-4, "validation": validation, "accuracy": 1 - validation}
        for images, validation in zip(images_seen, (0.3, 0.6, 0.5), strict=False)
    ]
    by.write_text(json.dumps({"curve": points, "pictures": {"control": 10_000}}))
    weights = release.release_run(
        run, tmp_path / "out", data, name, by=by, among=release.FIGURE_ROWS
    )
    assert weights.metadata["images_seen"] == images_seen[1]
    assert weights.metadata["kid"] == KIDS[1]
    quality = " ".join(section(weights.card, "Quality").split())
    assert "chosen by its D, not by KID: from D's features of 10,000" in quality
    assert "60.0% right on the fifth of them" in quality
    assert "40.0% on test pictures" in quality
    assert "has the lowest" not in quality
    for text in ("{", json.dumps({"curve": [], "pictures": {"control": 1}})):
        by.write_text(text)
        with pytest.raises(ShipError, match=r"cifar10\.json tells no checkpoint"):
            release.release_run(run, tmp_path / "none", data, name, by=by)
    assert not (tmp_path / "none").exists()


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, in twin/run, of a recipe whose network another one has, too; from another seed."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("twin")
    (folder / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(made_rows()), folder / "data" / "train.parquet")
    train(folder / "run", folder / "data", dataclasses.replace(TWIN, seed=3), "twin")
    return folder


@pytest.fixture
def copied(twin: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return shutil.copytree(twin / "run", tmp_path / "run")


def test_a_run_is_shipped_with_the_recipe_that_it_was_trained_with(
    twin: Path, tmp_path: Path
) -> None:
    run, data = twin / "run", str(twin / "data")
    weights = release.release_run(run, tmp_path / "out", data, among=release.FIGURE_ROWS)
    recipe = section(weights.card, "Recipe")
    assert recipe.startswith(f"`twin` in training/recipes.py: {TWIN.description}")
    assert ["`keep`", "{'source': ['celeba', 'elsewhere']}", "{}", "no news"] in table(
        recipe, "Field | Here"
    )
    assert table(recipe, "Field | This run") == [["`seed`", "3", "0"]]
    assert set(weights.metadata["datasets"]) == {"celeba", "elsewhere"}
    [part] = run_log.read_record(run).parts
    training = " ".join(section(weights.card, "Training").split())
    assert f"minutes on {part.machine} in float32 ({part.date}, commit {part.commit}). The" in (
        training
    )
    assert "started from" not in training


def test_what_has_changed_in_the_module_since_does_not_change_the_card(
    twin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = twin / "run", str(twin / "data")
    now = dataclasses.replace(TWIN, description="New.", beta1=0.9, deviations={})
    monkeypatch.setitem(RECIPES, "twin", now)
    recipe = section(
        release.release_run(run, tmp_path / "now", data, among=release.FIGURE_ROWS).card, "Recipe"
    )
    assert TWIN.description in recipe
    assert "no news" in recipe
    assert table(recipe, "Field | This run") == [["`beta1`", "0.5", "0.9"], ["`seed`", "3", "0"]]
    monkeypatch.delitem(RECIPES, "twin")
    recipe = section(
        release.release_run(run, tmp_path / "gone", data, among=release.FIGURE_ROWS).card, "Recipe"
    )
    assert recipe.startswith(f"`twin`: {TWIN.description}")
    assert "This run" not in recipe


def test_another_recipe_or_other_pictures_are_refused(twin: Path, tmp_path: Path) -> None:
    run, out = twin / "run", tmp_path / "out"
    with pytest.raises(ShipError, match="with the recipe 'twin', not 'made': leave out --recipe"):
        release.release_run(run, out, str(twin / "data"), "made")
    other = small.write_folder(tmp_path / "other", 239)
    of_all = shutil.copytree(run, tmp_path / "run")
    small.change_record(of_all, lambda facts: facts | {"recipe": dataclasses.asdict(MADE)})
    with pytest.raises(
        DataError, match=r"has other pictures than .*/run was trained on: give those, \d+ from /"
    ):
        release.release_run(of_all, out, str(other))
    assert not out.exists()


def test_a_run_that_did_not_keep_its_recipe_s_name_needs_it(copied: Path) -> None:
    small.forget_new_facts(copied)
    with pytest.raises(ShipError, match=r"and the recipes made, twin have its.*\(--recipe\)"):
        recipe_of_run(copied, TWIN.model)
    with pytest.raises(ShipError, match=r"'twin', as its run\.json describes it, not 'made'"):
        recipe_of_run(copied, TWIN.model, "made")
    expected = "twin", dataclasses.replace(TWIN, seed=3)
    assert recipe_of_run(copied, TWIN.model, "twin") == expected
    (copied / "run.json").unlink()
    with pytest.raises(ShipError, match="another network than the recipe 'faces'"):
        recipe_of_run(copied, TWIN.model, "faces")
    with pytest.raises(ShipError, match="and the recipes made, twin have"):
        recipe_of_run(copied, TWIN.model)
    assert recipe_of_run(copied, TWIN.model, "twin") == expected
    shutil.rmtree(copied / "states")
    assert recipe_of_run(copied, TWIN.model, "twin") == ("twin", TWIN)


def test_the_name_is_not_needed_where_no_other_recipe_has_the_network(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.forget_new_facts(copied)
    monkeypatch.delitem(RECIPES, "made")
    assert recipe_of_run(copied, TWIN.model) == ("twin", dataclasses.replace(TWIN, seed=3))
    monkeypatch.delitem(RECIPES, "twin")
    with pytest.raises(ShipError, match="and no recipe has its network"):
        recipe_of_run(copied, TWIN.model)


def test_a_network_that_was_set_for_the_run_is_its_own(copied: Path) -> None:
    """Of a run whose run.json has the recipe, and not yet its name."""
    model = dataclasses.replace(TWIN.model, z_size=12)
    recipe = dataclasses.replace(TWIN, model=model)
    small.forget_new_facts(copied)
    small.change_record(copied, lambda facts: facts | {"recipe": dataclasses.asdict(recipe)})
    with pytest.raises(ShipError, match="and no recipe has its network: give the name"):
        recipe_of_run(copied, model)
    assert recipe_of_run(copied, model, "twin") == ("twin", recipe)
    with pytest.raises(ShipError, match="another network than the recipe 'twin'"):
        recipe_of_run(copied, TWIN.model, "twin")
    small.change_record(copied, lambda facts: facts | {"recipe_name": "twin"})
    assert recipe_of_run(copied, model) == ("twin", recipe)
    with pytest.raises(ShipError, match=r"the recipe in .*run\.json has another network than the"):
        recipe_of_run(copied, TWIN.model)


def test_a_state_does_not_take_reasons_for_what_the_run_did_not_do(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied / "run.json").unlink()
    now = dataclasses.replace(TWIN, l2=0.25, deviations={"l2": "new", "mirror": "old"})
    monkeypatch.setitem(RECIPES, "twin", now)
    _, recipe = recipe_of_run(copied, TWIN.model, "twin")
    assert (recipe.l2, recipe.deviations) == (TWIN.l2, {"mirror": "old"})


def test_an_old_run_is_shipped_as_a_new_one_is(twin: Path, copied: Path, tmp_path: Path) -> None:
    data = str(twin / "data")
    whole = release.release_run(
        twin / "run", tmp_path / "new" / "twin", data, among=release.FIGURE_ROWS
    )
    small.forget_new_facts(copied)
    old = release.release_run(
        copied, tmp_path / "old" / "twin", data, "twin", among=release.FIGURE_ROWS
    )
    assert old.card == whole.card
    assert old.hash == whole.hash


def test_without_its_states_a_run_is_shipped_all_the_same(
    twin: Path, copied: Path, tmp_path: Path
) -> None:
    shutil.rmtree(copied / "states")
    weights = release.release_run(
        copied, tmp_path / "out", str(twin / "data"), among=release.FIGURE_ROWS
    )
    assert weights.metadata["kid"] == min(KIDS)
    assert len(table(section(weights.card, "Training"), "Images")) == len(KIDS)
    (copied / "run.json").unlink()
    with pytest.raises(StateError, match=r"has no curve .* neither in run\.json nor in a saved st"):
        release.release_run(copied, tmp_path / "none", str(twin / "data"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shade": 1}, "recipes have no field shade here: use the version"),
        ({"augmentation": {"shade": 1}}, "recipes have no field augmentation.shade here"),
        ({"batch_size": "64"}, "batch_size: Input should be a valid integer"),
        ({"average": 2}, "average must be in"),
        ({"model": {"image_size": 17}}, "image_size 17 is not divisible"),
    ],
)
def test_a_recipe_that_can_not_be_read_is_a_sentence(
    copied: Path, change: dict[str, Any], says: str
) -> None:
    small.change_record(copied, lambda facts: facts | {"recipe": facts["recipe"] | change})
    with pytest.raises(ShipError, match=re.escape(says)) as caught:
        recipe_of_run(copied, TWIN.model)
    assert str(caught.value).startswith(f"the recipe that {copied} keeps can't be read: ")
    assert "\n" not in str(caught.value)


def test_a_set_without_sources_has_the_name_of_its_folder() -> None:
    some = small.images(4)
    assert model_card.count_sources(some, "data/tiny_imagenet32/") == {"tiny_imagenet32": 4}
    some.sources["lfw"] = 4
    assert model_card.count_sources(some, "data/faces") == {"lfw": 4}


def curve(*images: int) -> list[dict[str, Any]]:
    return [{"images": count, "minutes": 1.0, "kid": 1 / count} for count in images]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((5000,), []),
        ((9_999, 20_000), ["seen-9999"]),
        ((9_984, 30_000, 49_920, 60_000), ["epoch-1", "seen-30k", "epoch-5"]),
        ((10_112, 30_000, 50_560, 60_000), ["epoch-1", "seen-30k", "epoch-5"]),  # a step more
        ((9_984, 30_000, 50_048, 60_000), ["epoch-1", "seen-30k", "seen-50k"]),
        # epochs first, then the middle of the widest gaps on a logarithmic scale
        (
            (9_984, 20_000, 30_000, 49_920, 60_000, 200_000, 310_000, 400_000, 1_000_000),
            ["epoch-1", "seen-20k", "epoch-5", "seen-200k", "seen-400k"],
        ),
    ],
)
def test_stages_spread_over_the_run(seen: tuple[int, ...], expected: list[str]) -> None:
    entries = curve(*seen)
    stages = release.choose_stages(
        [*entries, *curve(2_000_000)], entries[-1], pictures=10_000, batch_size=128
    )
    assert list(stages) == expected
    assert all(entry in entries[:-1] for entry in stages.values())


def test_of_few_stages_the_first_epoch_is_one() -> None:
    entries = curve(5_000, 9_984, 20_000, 30_000)
    names = [
        list(release.choose_stages(entries, entries[-1], 10_000, 128, count)) for count in (1, 2)
    ]
    assert names == [["epoch-1"], ["seen-5000", "epoch-1"]]
