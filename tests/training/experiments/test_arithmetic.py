"""`run arithmetic`: the sums that are drawn, and the command on the shipped weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dcgan.analysis import classifiers
from dcgan.analysis.classifiers import classify_images
from dcgan.latents.spec import Draw, parse
from dcgan.models import checkpoint
from dcgan.rendering.engine import Model
from tests.training import small
from training.attributes.exemplars import SUMMANDS, SUMS, ExemplarError, Samples
from training.cli.app import app
from training.experiments.arithmetic import draw_all, draw_triples

WEIGHTS = Path(__file__).parents[3] / "weights"


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("faces", checkpoint.load(WEIGHTS / "faces"))


def test_what_is_compared_is_drawn_from_the_same_zs(model: Model) -> None:
    triples = [
        [[Draw(1, 9 * t + 3 * term + i) for i in range(3)] for term in range(3)] for t in (0, 1)
    ]
    z = np.array(
        [[[model.z(model.spec(x)) for x in term] for term in triple] for triple in triples]
    )
    mean = z.mean(axis=2)
    drawn = draw_all(model, triples)  # pyright: ignore[reportArgumentType]  (draws are z's)

    def draw(latents: np.ndarray) -> np.ndarray:
        """By way of torch, not of specs."""
        import torch

        with torch.inference_mode():
            x = model.checkpoint.generator()(torch.from_numpy(latents.astype(np.float32)))
        return np.rint((x.permute(0, 2, 3, 1).numpy() + 1) * 127.5)

    for kind, latents in (
        ("means", mean[:, 0] - mean[:, 1] + mean[:, 2]),
        ("single", z[:, 0, 0] - z[:, 1, 0] + z[:, 2, 0]),
        ("c_alone", mean[:, 2]),
    ):
        assert np.abs(drawn[kind] - draw(latents)).max() <= 1
    a, b, c = (draw(mean[:, term]) for term in range(3))
    assert np.abs(drawn["pixels"] - np.clip(a - b + c, 0, 255)).max() <= 3


def test_triples_are_of_samples_that_surely_show_their_terms(model: Model) -> None:
    judge, _ = classifiers.load_classifier(WEIGHTS / "judges", "a")
    samples = Samples(model, judge, 4, 150)
    triples = draw_triples(samples, SUMS[1], 5)
    assert triples == draw_triples(samples, SUMS[1], 5)
    assert len({str(triple) for triple in triples}) == 5
    for triple in triples:
        for name, zs in zip(SUMS[1], triple, strict=True):
            assert len(set(zs)) == 3
            logits = classify_images(judge, model.render([model.spec(z) for z in zs]))
            for key, yes in SUMMANDS[name].items():
                assert ((logits[key] > 0) == yes).all()
    few = Samples(model, judge, 4, 2)
    with pytest.raises(ExemplarError, match=r"surely show 'smiling woman', and 3 are needed"):
        draw_triples(few, SUMS[0], 1)


def test_the_command_measures_prints_and_keeps(tmp_path: Path) -> None:
    out = tmp_path / "arithmetic.json"
    options = {
        "--weights": WEIGHTS / "faces",
        "--judges": WEIGHTS / "judges",
        "--triples": 24,
        "--pool": 150,
        "--json": out,
    }
    arguments = [str(word) for pair in options.items() for word in pair]
    ran = CliRunner().invoke(app, ["run", "arithmetic", *arguments])
    assert (ran.exit_code, ran.stderr) == (0, "")
    facts = json.loads(out.read_text())
    told = small.cells(ran.stdout)
    assert [told[0][0], told[6][0]] == [f"{a} - {b} + {c}" for a, b, c in SUMS]
    assert told[0][1:] == ["male and smiling", "95% interval", "male", "smiling"]
    means = facts["sums"][0]["means"]
    assert told[1][:2] == ["means of three", f"{means['rate']:.1%} ({means['count']} of 24)"]
    assert facts["run"]["data"] == {}
    assert facts["weights"] == checkpoint.load(WEIGHTS / "faces").hash
    assert parse(facts["sums"][0]["example"]).weights == facts["weights"]
    for found in facts["sums"]:
        for kind in ("means", "single", "pixels", "c_alone"):
            assert found[kind]["of"] == 24
        assert found["base"]["of"] == 150
        tested = found["means_and_single"]
        difference = found["means"]["count"] - found["single"]["count"]
        assert tested["only_first"] - tested["only_second"] == difference
    assert facts["sums"][1]["means"]["rate"] > facts["sums"][1]["base"]["rate"]
    says = CliRunner().invoke(app, ["run", "arithmetic", *arguments[:3], str(tmp_path)])
    assert (says.exit_code, "there is no classifier a" in says.stderr) == (1, True)
