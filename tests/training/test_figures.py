"""Rates and paired tests, against sums and formulas worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from training.experiments import figures


def test_a_rate_has_its_counts_and_wilsons_interval() -> None:
    found = figures.rate(np.array([True] * 30 + [False] * 70))
    z, n, p = 1.959964, 100, 0.3
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (found["count"], found["of"], found["rate"]) == (30, 100, 0.3)
    assert found["low"] == pytest.approx(middle - half, abs=1e-4)
    assert found["high"] == pytest.approx(middle + half, abs=1e-4)
    assert "30.0% (30 of 100)" in figures.text(found)


def test_the_paired_test_is_the_binomial_of_what_differs() -> None:
    ours = np.array([True] * 8 + [False] + [True] * 20 + [False] * 20)
    theirs = np.array([False] * 8 + [True] + [True] * 20 + [False] * 20)
    found = figures.paired(ours, theirs)
    assert found == {"only_first": 8, "only_second": 1, "p": 0.0391}  # 2 (1 + 9) / 2^9
    assert figures.paired(theirs, ours)["p"] == found["p"]
    assert figures.paired(ours, ours) == {"only_first": 0, "only_second": 0, "p": 1.0}


def test_figures_are_kept_where_a_file_is_given(tmp_path: Path) -> None:
    figures.keep(None, {"n": 1})
    figures.keep(tmp_path / "new" / "x.json", {"n": 1})
    assert json.loads((tmp_path / "new" / "x.json").read_text()) == {"n": 1}
