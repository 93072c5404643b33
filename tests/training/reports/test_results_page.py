"""docs/RESULTS.md is what the files in results/ say."""

from __future__ import annotations

import json
from pathlib import Path

from training.cli.experiments import EXPERIMENTS
from training.reports.results_page import RESULTS, results_page

ROOT = Path(__file__).parents[3]


def test_the_page_of_results_is_up_to_date() -> None:
    written = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8")
    assert results_page(EXPERIMENTS) == written, "run: python -m training results"


def test_results_are_of_the_weights_that_are_shipped() -> None:
    faces = (ROOT / "weights" / "faces" / "README.md").read_text(encoding="utf-8")
    for name in ("arithmetic", "turn"):
        seen = json.loads((RESULTS / f"{name}.json").read_text())["images_seen"]
        assert f"images_seen: {seen}\n" in faces, f"run: python -m training run {name}"


def test_a_section_says_how_its_figures_came_about(tmp_path: Path) -> None:
    facts = json.loads((RESULTS / "turn.json").read_text())
    facts |= {"weights": "01234567", "images_seen": 1000}
    del facts["run"]
    before = _second_line(tmp_path, facts)
    assert before == "*weights 01234567, 1,000 images seen*"
    data = {"training": 27869, "held-out": 500}
    made = {"date": "2026-11-22", "machine": "a GPU, torch 2", "minutes": 3.0, "data": data}
    assert _second_line(tmp_path, {**facts, "run": made}) == (
        "*2026-11-22, 3 minutes on a GPU, torch 2, on 27,869 training, 500 held-out pictures; "
        "weights 01234567, 1,000 images seen*"
    )
    facts |= {"images_seen": None, "run": {**made, "data": {}}}
    assert _second_line(tmp_path, facts) == (
        "*2026-11-22, 3 minutes on a GPU, torch 2; weights 01234567*"
    )
    del facts["run"], facts["weights"]
    assert _second_line(tmp_path, facts).startswith("| along ")


def _second_line(folder: Path, facts: dict) -> str:
    """What stands under the heading."""
    (folder / "turn.json").write_text(json.dumps(facts))
    [_, section] = results_page(EXPERIMENTS, folder).split("\n## ")
    return section.splitlines()[2]


def test_an_experiment_that_has_not_been_run_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "turn.json").write_text((RESULTS / "turn.json").read_text())
    page = results_page(EXPERIMENTS, tmp_path)
    assert page.count("\n## ") == 1
    assert '## <a name="turn"></a>Does a vector turn heads?' in page
