"""Rates and paired tests, against sums worked out by hand; tables; what a file of figures has."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from training.experiments import figures


def test_a_rate_has_its_counts_and_wilsons_interval() -> None:
    found = figures.wilson_rate(np.array([True] * 30 + [False] * 70))
    z, n, p = 1.959964, 100, 0.3
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (found["count"], found["of"], found["rate"]) == (30, 100, 0.3)
    assert found["low"] == pytest.approx(middle - half, abs=1e-4)
    assert found["high"] == pytest.approx(middle + half, abs=1e-4)
    assert figures.rate_text(found) == "30.0% (30 of 100)"
    assert figures.interval_text({"low": 0.1004, "high": 0.25}) == "10.0% to 25.0%"


def test_the_paired_test_is_the_binomial_of_what_differs() -> None:
    ours = np.array([True] * 8 + [False] + [True] * 20 + [False] * 20)
    theirs = np.array([False] * 8 + [True] + [True] * 20 + [False] * 20)
    found = figures.mcnemar(ours, theirs)
    assert found == {"only_first": 8, "only_second": 1, "p": 0.0391}  # 2 (1 + 9) / 2^9
    assert figures.mcnemar(theirs, ours)["p"] == found["p"]
    assert figures.mcnemar(ours, ours) == {"only_first": 0, "only_second": 0, "p": 1.0}


def test_a_table_is_markdown_in_columns() -> None:
    assert figures.markdown_table(
        ["of", "share"], [["all", "1e-05"], ["none", None]]
    ).splitlines() == [
        "| of   |   share |",
        "|:-----|--------:|",
        "| all  |   1e-05 |",
        "| none |         |",
    ]


def test_figures_are_kept_where_a_file_is_given_with_how_they_came_about(tmp_path: Path) -> None:
    out, today = tmp_path / "new" / "x.json", datetime.now(UTC).date()
    figures.write_result(None, {"n": 1}, 0)
    figures.write_result(out, {"n": 1}, time.monotonic() - 90, {"test": 70})
    found = json.loads(out.read_text())
    run = found.pop("run")
    assert found == {"n": 1}
    assert run.keys() == {"date", "machine", "minutes", "data"}
    assert run["data"] == {"test": 70}
    assert 1.5 <= run["minutes"] < 2
    assert (datetime.fromisoformat(run["date"]).date() - today).days in (0, 1)  # midnight
