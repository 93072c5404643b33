"""Rates with their intervals, paired tests, and the file that an experiment keeps them in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from dcgan import checkpoint


def rate(hits: np.ndarray) -> dict[str, float]:
    """Of booleans (N,): how many, of how many, and the 95% interval of the share (Wilson)."""
    count, of = int(hits.sum()), len(hits)
    low, high = binomtest(count, of).proportion_ci(method="wilson")
    return {
        "count": count,
        "of": of,
        "rate": round(count / of, 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


def paired(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """McNemar's exact test of booleans (N,) and (N,): are both true equally often?

    Its p is that of the cases in which they differ, which would go either way alike.
    """
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    differ = only_ours + only_theirs
    p = binomtest(only_ours, differ).pvalue if differ else 1.0
    return {"only_first": only_ours, "only_second": only_theirs, "p": float(f"{p:.3g}")}


def text(found: dict[str, float]) -> str:
    """A rate as it is printed."""
    return f"{found['rate']:6.1%} ({found['count']} of {found['of']})"


def keep(out: Path | None, facts: dict[str, Any]) -> None:
    """Write what was measured to the file of --json, where one was given."""
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_atomically(out, (json.dumps(facts, indent=1) + "\n").encode())
