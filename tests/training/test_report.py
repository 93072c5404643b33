"""docs/RESULTS.md is what the files in results/ say."""

from __future__ import annotations

import json
from pathlib import Path

from training.__main__ import EXPERIMENTS
from training.report import RESULTS, results

ROOT = Path(__file__).parents[2]


def test_the_page_of_results_is_up_to_date() -> None:
    written = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8")
    assert results(EXPERIMENTS) == written, "run: python -m training report"


def test_results_are_of_the_weights_that_are_shipped() -> None:
    faces = (ROOT / "weights" / "faces" / "README.md").read_text(encoding="utf-8")
    for name in ("arithmetic", "turn"):
        seen = json.loads((RESULTS / f"{name}.json").read_text())["images_seen"]
        assert f"images_seen: {seen}\n" in faces, f"run: python -m training run {name}"


def test_an_experiment_that_has_not_been_run_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "turn.json").write_text((RESULTS / "turn.json").read_text())
    page = results(EXPERIMENTS, tmp_path)
    assert page.count("\n## ") == 1
    assert "Does a vector turn heads?" in page
