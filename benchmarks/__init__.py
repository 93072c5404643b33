"""One script a claim; `make bench` runs them all and compares with docs/benchmarks.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from training import records


@dataclass(frozen=True)
class Figure:
    """What was measured and, in the same run, the peer's figure for the same."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]
    peer: float

    @property
    def ratio(self) -> float:
        """How many times better than the peer; the machine's speed falls out of it."""
        high = self.better == "higher"
        return round(self.value / self.peer if high else self.peer / self.value, 2)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}

    def __str__(self) -> str:
        return (
            f"{self.name:24} {self.value:8.1f} {self.unit:10} peer {self.peer:8.1f}"
            f"   {self.ratio:.2f} times as good"
        )


def machine() -> str:
    """What the figures were measured on."""
    return f"{records.machine()}, onnxruntime {version('onnxruntime')}"


def memory(process: int) -> float:
    """VmRSS of a process in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
