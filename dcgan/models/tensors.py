"""Safetensors files: their tensors are those of a network exactly, or it is said which are not.

Names and shapes are in a file's header, which is read alone where only these are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dcgan.models.side_files import COPY_AGAIN, SideFileError, reason

if TYPE_CHECKING:
    import numpy as np
    import torch

Shapes = Mapping[str, tuple[int, ...]]
COUNTER = "num_batches_tracked"
"""Of batch normalisation; fixed statistics do not need it."""

Network = TypeVar("Network", bound="torch.nn.Module")


def check_tensors(
    path: Path,
    described: str,
    networks: Mapping[str, Shapes],
    optional: tuple[str, ...] = (),
    remedy: str = COPY_AGAIN,
) -> None:
    """Compare the header of a file with the networks that it is to hold, and no others.

    described: name of the file that the shapes are from. networks: the shapes of each network's
    tensors, by the prefix of their names. optional: prefixes of networks that the file may lack as
    a whole. Raises SideFileError.
    """
    with _opened(path, remedy) as file:
        names = list(file.keys())
        for prefix, shapes in networks.items():
            if prefix not in optional or any(name.startswith(prefix) for name in names):
                _check(file, path, described, shapes, prefix, (*networks,), remedy)


def read_tensors(
    path: Path,
    described: str,
    shapes: Shapes,
    prefix: str = "",
    known: tuple[str, ...] = ("",),
    remedy: str = COPY_AGAIN,
) -> dict[str, np.ndarray]:
    """The tensors `prefix*` of a file, by their names without it, as stored.

    described: the name of the file that the shapes are from. known: prefixes that the file may
    hold. Raises SideFileError unless the tensors are exactly those in `shapes`.
    """
    with _opened(path, remedy) as file:
        _check(file, path, described, shapes, prefix, known, remedy)
        return {name: file.get_tensor(prefix + name) for name in shapes}


@contextmanager
def _opened(path: Path, remedy: str) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        wrong = f"can't be read as safetensors, it is damaged or incomplete ({reason(error, path)})"
        raise SideFileError(path, wrong, remedy) from None


def _check(
    file: Any,
    path: Path,
    described: str,
    shapes: Shapes,
    prefix: str,
    known: tuple[str, ...],
    remedy: str,
) -> None:
    names = set(file.keys())
    stray = sorted(n for n in names if not n.startswith(known))
    found = {n.removeprefix(prefix) for n in names if n.startswith(prefix)}
    missing, extra = sorted(shapes.keys() - found), sorted(found - shapes.keys())
    if missing or extra or stray:
        where = f" (in {prefix}*)" if prefix else ""
        raise SideFileError(
            path,
            f"does not hold the network that {described} describes, missing "
            f"{_abbreviated(missing)}, unexpected {_abbreviated(extra + stray)}{where}",
            remedy,
        )
    for name, shape in shapes.items():
        stored = tuple(file.get_slice(prefix + name).get_shape())
        if stored != shape:
            raise SideFileError(
                path,
                f"does not hold the network that {described} describes, {prefix}{name} has shape "
                f"{stored}, not {shape}",
                remedy,
            )


def load_tensors(
    network: Network,
    tensors: Callable[[dict[str, tuple[int, ...]]], Mapping[str, np.ndarray]],
) -> Network:
    """Put the tensors that are read for the network's shapes into it; in eval mode, fixed."""
    import torch

    shapes = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith(COUNTER)
    }
    read = {name: torch.from_numpy(tensor) for name, tensor in tensors(shapes).items()}
    network.load_state_dict(read, strict=False)  # all but the counters
    return network.eval().requires_grad_(False)


def to_half_precision(prefix: str, network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights of two and more dimensions in half precision; the rest is batch normalisation."""
    return {
        prefix + name: (tensor.half() if tensor.dim() > 1 else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
        if not name.endswith(COUNTER)
    }


def _abbreviated(names: list[str]) -> str:
    return "nothing" if not names else ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
