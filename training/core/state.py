"""States from which a run resumes: networks, moving average, optimisers and facts in one file.

A state is `states/<step>.safetensors` with the facts as JSON in its header. It is written to a
temporary file and renamed, so that it exists completely or not at all. Random numbers and the order
of the data are functions of the step (`training.data.sampler`), so that they need no state but the
step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Optimizer

from dcgan.models.checkpoint import write_atomically

STATES_KEPT = 3
SUFFIX = ".safetensors"


class StateError(ValueError):
    """A state that can't be resumed from; the message says why and what to do."""


def save_state(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
    facts: dict[str, Any],
) -> Path:
    """Write `folder/states/<facts["step"]>.safetensors` and return its path.

    All but the newest `STATES_KEPT` states are deleted.
    """
    tensors = {
        f"{name}/{key}": tensor.contiguous()
        for name, module in modules.items()
        for key, tensor in module.state_dict().items()
    }
    for name, optimiser in optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            for key, tensor in values.items():
                tensors[f"{name}/{index}/{key}"] = tensor.contiguous()
    states = folder / "states"
    states.mkdir(parents=True, exist_ok=True)
    for partial in states.glob(".[0-9]*"):  # left by a process killed while writing
        partial.unlink()
    path = states / f"{facts['step']:09d}{SUFFIX}"
    header = {"facts": json.dumps(facts), "sha256": _digest(tensors)}
    write_atomically(path, save(tensors, header))
    for old in _states(folder)[STATES_KEPT:]:
        old.unlink()
    return path


def load_state(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
    say: Callable[[str], None] = print,
    *,
    healthy: bool = False,
) -> dict[str, Any]:
    """Load the newest readable state of a run into modules and optimisers; return its facts.

    healthy: skip states whose facts have "healthy": false. An unreadable file is renamed to
    damaged-<step>.safetensors and reported with `say`. Raises StateError if no state remains, or if
    it belongs to another architecture.
    """
    skipped = []
    for path in _states(folder):
        try:
            facts, digest = _header(path)
            tensors = load_file(path)
            if digest != _digest(tensors):
                raise ValueError("its tensors are not those that were written")
        except (OSError, SafetensorError, ValueError) as error:
            aside = path.with_name(f"damaged-{path.name}")
            with suppress(FileNotFoundError):  # another process of the run has renamed it already
                path.rename(aside)
            say(f"{path} can't be read ({error}): renamed to {aside.name}, the one before is used")
            continue
        if healthy and not facts.get("healthy", True):
            skipped.append(path.name)
            continue
        try:
            for name, module in modules.items():
                module.load_state_dict(_tensors_of(tensors, name))
            for name, optimiser in optimisers.items():
                _load_optimiser(optimiser, _tensors_of(tensors, name))
        except (RuntimeError, ValueError, KeyError, IndexError) as error:
            reason = str(error).splitlines()[-1].strip()  # torch lists every tensor
            raise StateError(
                f"{path} is the state of another network ({reason}): resume with the recipe it was "
                "started with"
            ) from None
        return facts
    if skipped:
        raise StateError(
            f"of the states that are left of {folder} none is from before ({', '.join(skipped)}): "
            "start another run from one of its earlier checkpoints (--init)"
        )
    raise _no_state_error(folder)


def newest_facts(folder: Path) -> dict[str, Any]:
    """Return the facts of a run's newest state with a readable header. Raises StateError."""
    for path in _states(folder):
        try:
            return _header(path)[0]
        except (OSError, SafetensorError, ValueError):
            continue
    raise _no_state_error(folder)


def _states(folder: Path) -> list[Path]:
    """List a run's states, newest first."""
    return sorted((folder / "states").glob(f"[0-9]*{SUFFIX}"), reverse=True)


def _no_state_error(folder: Path) -> StateError:
    damaged = sorted(path.name for path in (folder / "states").glob(f"*{SUFFIX}"))
    if damaged:
        return StateError(
            f"none of {folder}'s states can be read ({', '.join(damaged)}): start a new run from "
            "its newest checkpoint (--init)"
        )
    return StateError(
        f"{folder} has no saved state: give the folder of a run, or start one without --resume"
    )


def _header(path: Path) -> tuple[dict[str, Any], str]:
    """Read a state's facts and the digest of its tensors.

    Raises OSError, SafetensorError, ValueError.
    """
    with safe_open(path, framework="pt") as file:
        header = file.metadata() or {}
    if "facts" not in header:
        raise ValueError("it has no facts")
    return json.loads(header["facts"]), header.get("sha256", "")


def _digest(tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(name.encode())
        found.update(tensor.cpu().numpy().tobytes())
    return found.hexdigest()


def _tensors_of(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    prefix = f"{name}/"
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _load_optimiser(optimiser: Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for path, value in tensors.items():
        index, key = path.split("/")
        parameter = parameters[int(index)]
        # Adam's step count is a scalar; its moments get the parameter's memory format again, which
        # safetensors does not keep
        restored = torch.empty_like(parameter).copy_(value) if value.dim() else value
        state.setdefault(int(index), {})[key] = restored
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
