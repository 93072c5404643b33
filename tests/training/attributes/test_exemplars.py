"""Exemplars: who is picked, what is refused, and that the shipped ones show their names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from dcgan.analysis import classifiers
from dcgan.analysis.classifiers import AttributeClassifier, ClassifierConfig, classify_images
from dcgan.latents.spec import Draw, Mean
from dcgan.models import checkpoint
from dcgan.models.exemplars import parse_latent
from dcgan.rendering.engine import Model
from tests import tiny
from training.attributes import exemplars
from training.attributes.classifiers import ATTRIBUTES
from training.attributes.exemplars import (
    ENDS,
    SIDES,
    SUMMANDS,
    ExemplarError,
    Samples,
    add_latents,
    exemplar_mean,
    exemplar_sheet,
    pick_exemplars,
)
from training.attributes.landmarks import Landmarks

WEIGHTS = Path(__file__).parents[3] / "weights"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Draws 64x64 noise."""
    config = dataclasses.replace(
        tiny.CONFIG,
        image_size=64,
        generator_widths=(8, 8, 4, 4),
        generator_kernels=(4,) * 4,
        generator_strides=(2,) * 4,
    )
    return Model("tiny", tiny.save(tmp_path_factory.mktemp("weights"), config))


@pytest.fixture(scope="module")
def judge() -> AttributeClassifier:
    """A judge of strong opinions that mean nothing."""
    torch.manual_seed(1)
    judge = AttributeClassifier(ClassifierConfig("plain", ATTRIBUTES, (4, 4)))
    torch.nn.init.normal_(judge.score.weight, std=0.5)
    return judge.eval()


def test_the_surest_come_first_and_the_unsure_not_at_all(
    model: Model, judge: AttributeClassifier
) -> None:
    samples = Samples(model, judge, 3, 60)
    logits = classify_images(
        judge, model.render([model.spec(Draw(3, index)) for index in range(60)])
    )
    level = float(np.median(logits["male"]))
    samples.logits = {name: values - level for name, values in samples.logits.items()}
    rows = samples.most_confident({"male": True})
    margins = logits["male"] - level
    assert set(rows) == set(np.flatnonzero(margins > exemplars.MIN_LOGIT))
    assert (np.diff(margins[rows]) <= 0).all()
    both = samples.most_confident({"male": True, "smiling": False})
    expected = (margins > exemplars.MIN_LOGIT) & (level - logits["smiling"] > exemplars.MIN_LOGIT)
    assert set(both) == set(np.flatnonzero(expected))


def test_samples_that_do_not_show_it_are_a_sentence(
    model: Model, judge: AttributeClassifier
) -> None:
    with pytest.raises(ExemplarError, match=r"of 4 samples surely show '.*', and \d are needed"):
        pick_exemplars(model, judge, count=4)


def test_the_sheet_shows_pictures_means_and_sums(model: Model) -> None:
    names = ("a", "b", "c")
    texts = {name: [f"z(1,{3 * n + i})" for i in range(3)] for n, name in enumerate(names)}
    drawn = exemplar_sheet(model, {"exemplars": texts, "sums": [list(names)], "turns": []})
    assert drawn.shape == (4 * 128, 4 * 128, 3)
    means = [Mean(tuple(map(parse_latent, texts[name]))) for name in names]
    mean, result = model.render([model.spec(means[1]), model.spec(add_latents(*means))])
    assert (drawn[128:256:2, 384::2] == mean).all()
    assert (drawn[384::2, 384::2] == result).all()


def test_an_exemplar_of_one_is_itself() -> None:
    assert exemplar_mean(["z(1,2)"]) == Draw(1, 2)
    assert str(exemplar_mean(["z(1,2)", "z(1,3)"])) == "mean(z(1,2),z(1,3))"


def test_the_shipped_exemplars_show_what_they_are_called() -> None:
    """Said by judge b, which did not pick them, and by the landmarks."""
    model = Model("faces", checkpoint.load(WEIGHTS / "faces"))
    other, _ = classifiers.load_classifier(WEIGHTS / "judges", "b")
    sets = model.checkpoint.sets["exemplars"]
    assert sets.keys() == {*SUMMANDS, *SIDES, *ENDS}
    agree = []
    for name, shown in SUMMANDS.items():
        assert len(sets[name]) == 3
        logits = classify_images(
            other, model.render([model.spec(parse_latent(z)) for z in sets[name]])
        )
        agree += [(logits[key] > 0) == yes for key, yes in shown.items()]
    assert np.mean(agree) > 0.85
    yaw = Landmarks().yaw
    for name, sign in zip(SIDES, (-1, 1), strict=True):
        assert len(sets[name]) == 4
        drawn = model.render([model.spec(parse_latent(z)) for z in sets[name]])
        assert (sign * yaw(drawn) > exemplars.MIN_YAW).all()
