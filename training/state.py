"""What a run needs to go on: networks, averages and optimisers in safetensors, the rest in JSON.

A state is a folder `states/<step>`; it appears under that name only when it is complete. Random
numbers and the order of the data are functions of the step (`training.batches`), so the step is all
of their state.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer

TENSORS, FACTS = "state.safetensors", "state.json"
KEEP = 2


class StateError(ValueError):
    """A state that can't be resumed from; the message says why and what to do."""


def save_state(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
    facts: dict[str, Any],
) -> Path:
    """Write `folder/states/<facts["step"]>` and drop all but the newest `KEEP` states."""
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
    final = states / f"{facts['step']:09d}"
    temporary = states / f".{final.name}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    save_file(tensors, temporary / TENSORS)
    (temporary / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    for old in sorted(states.glob("[0-9]*"))[:-KEEP]:
        shutil.rmtree(old)
    return final


def load_state(
    folder: Path, modules: Mapping[str, nn.Module], optimisers: Mapping[str, Optimizer]
) -> dict[str, Any]:
    """Bring back the newest state of a run, in place; returns its facts.

    Raises StateError where there is none, or where it is another network's.
    """
    newest = _newest(folder)
    facts = newest_facts(folder)
    try:
        tensors = load_file(newest / TENSORS)
    except (OSError, SafetensorError) as error:
        raise _damaged(newest, error) from None
    try:
        for name, module in modules.items():
            module.load_state_dict(_group(tensors, name))
        for name, optimiser in optimisers.items():
            _load_optimiser(optimiser, _group(tensors, name))
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        reason = str(error).splitlines()[-1].strip()  # torch lists every tensor
        raise StateError(
            f"{newest} is the state of another network ({reason}): resume with the recipe it was "
            "started with"
        ) from None
    return facts


def newest_facts(folder: Path) -> dict[str, Any]:
    """The facts of the newest state of a run. Raises StateError where there is none."""
    newest = _newest(folder)
    try:
        return json.loads((newest / FACTS).read_text())
    except (OSError, ValueError) as error:
        raise _damaged(newest, error) from None


def _newest(folder: Path) -> Path:
    states = sorted((folder / "states").glob("[0-9]*"))
    if not states:
        raise StateError(
            f"{folder} has no saved state: give the folder of a run, or start one without --resume"
        )
    return states[-1]


def _damaged(state: Path, error: Exception) -> StateError:
    return StateError(f"{state} can't be read ({error}): delete it to go on from the one before")


def _group(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    prefix = f"{name}/"
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _load_optimiser(optimiser: Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for path, value in tensors.items():
        index, key = path.split("/")
        parameter = parameters[int(index)]
        # the step count is a scalar; the rest has the parameter's memory format, as when saved
        restored = torch.empty_like(parameter).copy_(value) if value.dim() else value
        state.setdefault(int(index), {})[key] = restored
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
