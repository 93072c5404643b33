"""The experiment: photographs and samples drawn again, beside what is nearest without a search."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from dcgan.analysis import inversion
from tests import tiny
from tests.training import small
from tests.training.experiments.test_memorisation import smooth_pictures
from training.cli.app import app
from training.directions.encoder import train_encoder
from training.experiments import projection as experiment


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["run", "projection", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.long
def test_the_command_prints_keeps_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.save(tmp_path / "weights")
    train_encoder(tmp_path / "weights", lambda line: None, minutes=0.05)
    data = smooth_pictures(tmp_path / "data", 200)
    monkeypatch.setattr(experiment, "AMONG", 100)
    monkeypatch.setattr(inversion, "START_SAMPLES", 64)
    options = ["--weights", tmp_path / "weights", "--data", data, "--processes", 1]
    json_file, figure = tmp_path / "results" / "p.json", tmp_path / "p.png"
    code, printed, complaint = run(
        *options, "--count", 8, "--alone", 4, "--json", json_file, "--figure", figure
    )
    assert (code, complaint) == (0, "")
    facts = json.loads(json_file.read_text())
    photographs, samples = facts["kinds"]["photographs"], facts["kinds"]["samples"]
    for ways in (photographs, samples):
        assert ways.keys() == {"search", "encoder", "alone", "nearest"}
        assert ways["alone"]["count"] == 4
        far = {way: told["pixels"]["median"] for way, told in ways.items()}
        assert far["search"] <= far["encoder"]
        assert far["search"] < far["nearest"]
    # the tiny G hides nothing: what it drew is found again, and only by a search
    assert samples["search"]["found_again"]["count"] >= 7
    assert samples["search"]["correlation"] > 0.95
    assert samples["nearest"]["found_again"]["count"] == 0
    assert "found_again" not in photographs["search"]
    [row] = [row for row in small.cells(printed) if row[0] == "the search" and len(row) > 4]
    assert row[2] == f"{samples['search']['pixels']['median']:.1f}"
    assert facts["run"]["data"] == {"held-out": 8}
    assert Image.open(io.BytesIO(figure.read_bytes())).size == (8 * 32, 6 * 32)
    code, _, complaint = run(*options, "--count", 100)
    assert code == 1
    assert "give --count at most that many" in complaint
