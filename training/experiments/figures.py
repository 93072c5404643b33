"""Statistics and output of experiments: rates, paired tests, tables, JSON results."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from training import records


def wilson_rate(hits: np.ndarray) -> dict[str, float]:
    """Return count, total, rate and 95% Wilson interval (low, high) of booleans (N,)."""
    from scipy.stats import binomtest

    count, of = int(hits.sum()), len(hits)
    low, high = binomtest(count, of).proportion_ci(method="wilson")
    return {
        "count": count,
        "of": of,
        "rate": round(count / of, 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


def mcnemar(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Return McNemar's exact test of paired booleans (N,): are both true equally often?

    p is the two-sided binomial p-value of the pairs that differ.
    """
    from scipy.stats import binomtest

    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    differ = only_ours + only_theirs
    p = binomtest(only_ours, differ).pvalue if differ else 1.0
    return {"only_first": only_ours, "only_second": only_theirs, "p": float(f"{p:.3g}")}


def rate_text(found: Mapping[str, float]) -> str:
    """Format a rate, such as "34.0% (102 of 300)"."""
    return f"{found['rate']:.1%} ({found['count']} of {found['of']})"


def interval_text(found: Mapping[str, float]) -> str:
    """Format a rate's 95% interval, such as "28.9% to 39.5%"."""
    return f"{found['low']:.1%} to {found['high']:.1%}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    """Return an aligned Markdown table; the first column is left-aligned, all others right."""
    aligned = ["left"] + ["right"] * (len(head) - 1)
    return tabulate(rows, head, tablefmt="pipe", disable_numparse=True, colalign=aligned)


def write_result(
    out: Path | None,
    facts: dict[str, Any],
    started: float,
    data: Mapping[str, int] | None = None,
) -> None:
    """Write an experiment's results and their provenance to a JSON file; do nothing if out is None.

    started: time.monotonic() at the start of the command. data: number of images by purpose, such
    as {"training": 28000}.
    """
    if out:
        facts["run"] = {
            "date": records.today(),
            "machine": records.machine(),
            "minutes": round((time.monotonic() - started) / 60, 1),
            "data": dict(data or {}),
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        records.write(out, facts)
