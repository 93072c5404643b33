"""Render the images of shelf.json, which lies beside this script, again.

    python redraw.py CHECKPOINT ... [--out FOLDER] [--scale N]

CHECKPOINT is a checkpoint's folder, a folder of several, or a repository on the Hub, as user/repo.
Run the script where `import dcgan` finds the package that rendered the images, such as in a clone
of its repository. The same weights give the same images; each PNG has its text in the metadata.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from dcgan import load, render
from dcgan.latents.spec import parse
from dcgan.models.checkpoint import CONFIG, Checkpoint
from dcgan.rendering.engine import discover_checkpoints

SHELF = Path(__file__).with_name("shelf.json")


def main() -> None:
    given = argparse.ArgumentParser(description="Draws the pictures of a shelf again.")
    given.add_argument("checkpoint", nargs="+", help="a folder, a folder of several, or user/repo")
    given.add_argument("--out", type=Path, default=Path("redrawn"), help="a folder for the PNGs")
    given.add_argument("--scale", type=int, default=1, help="of every pixel")
    asked = given.parse_args()
    try:
        redraw(asked.checkpoint, asked.out, asked.scale)
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")


def redraw(sources: list[str], out: Path, scale: int) -> None:
    """Render all images of the shelf to PNGs in `out`.

    Raises ValueError for an image whose weights are in none of the checkpoints.
    """
    shelf = json.loads(SHELF.read_text(encoding="utf-8"))
    known = {found.hash: found for source in sources for found in checkpoints(source)}
    out.mkdir(parents=True, exist_ok=True)
    for picture in shelf["pictures"]:
        spec = parse(picture["spec"])
        if spec.weights not in known:
            raise ValueError(
                f"{picture['file']} is of {spec.model} with the weights {spec.weights}: "
                f"give that checkpoint, too; here there is {', '.join(known)}"
            )
        render(known[spec.weights], spec).save(out / picture["file"], scale)


def checkpoints(source: str) -> Iterator[Checkpoint]:
    """Yield the checkpoint at the source, if it is one, and those within its folder."""
    folder = Path(source)
    inside = discover_checkpoints(folder).values()
    if (folder / CONFIG).is_file() or not inside:
        yield load(source)
    yield from map(load, inside)


if __name__ == "__main__":
    main()
