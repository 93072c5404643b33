"""Benchmarks, one script per claim; `make bench` compares them with docs/benchmarks.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from training import records


@dataclass(frozen=True)
class Figure:
    """A measured value and the baseline's (peer's) value from the same run."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]
    peer: float

    @property
    def ratio(self) -> float:
        """Factor by which the value is better than the peer's, whatever the machine's speed."""
        high = self.better == "higher"
        return round(self.value / self.peer if high else self.peer / self.value, 2)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields and the ratio."""
        return {**asdict(self), "ratio": self.ratio}

    def __str__(self) -> str:
        return (
            f"{self.name:24} {self.value:8.1f} {self.unit:10} peer {self.peer:8.1f}"
            f"   {self.ratio:.2f} times as good"
        )


def machine() -> str:
    """Describe the machine and the versions of torch and onnxruntime."""
    return f"{records.machine()}, onnxruntime {version('onnxruntime')}"


def memory(process: int) -> float:
    """Return the resident memory (VmRSS) of a process in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
