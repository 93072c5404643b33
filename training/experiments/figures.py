"""How figures are stated and kept: rates, paired tests, tables, and the file of --json."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from training import records


def wilson_rate(hits: np.ndarray) -> dict[str, float]:
    """Of booleans (N,): how many, of how many, and the 95% interval of the share (Wilson)."""
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
    """McNemar's exact test of booleans (N,) and (N,): are both true equally often?

    Its p is that of the cases in which they differ, which would go either way alike.
    """
    from scipy.stats import binomtest

    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    differ = only_ours + only_theirs
    p = binomtest(only_ours, differ).pvalue if differ else 1.0
    return {"only_first": only_ours, "only_second": only_theirs, "p": float(f"{p:.3g}")}


def rate_text(found: Mapping[str, float]) -> str:
    """A rate as it is printed."""
    return f"{found['rate']:.1%} ({found['count']} of {found['of']})"


def interval_text(found: Mapping[str, float]) -> str:
    """A rate's 95% interval as it is printed."""
    return f"{found['low']:.1%} to {found['high']:.1%}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    """Markdown, in columns on a terminal too: the first to the left, all others to the right."""
    aligned = ["left"] + ["right"] * (len(head) - 1)
    return tabulate(rows, head, tablefmt="pipe", disable_numparse=True, colalign=aligned)


def write_result(
    out: Path | None,
    facts: dict[str, Any],
    started: float,
    data: Mapping[str, int] | None = None,
) -> None:
    """Write what was measured, and how it came about, to the file of --json, where one was given.

    started: time.monotonic() at the command's beginning. data: how many pictures it was run on, by
    what they were there for.
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
