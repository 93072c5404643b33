"""`python -m training`: make checkpoints, measure and choose them, re-run the experiments.

    python -m training prepare lsun bedroom_train_lmdb data/lsun
    python -m training prepare faces photographs data/faces --aligned
    python -m training dedup data/lsun data/lsun-once
    python -m training train faces --data ../shared/data/faces --out runs/faces --minutes 100
    python -m training best runs/faces
    python -m training ship runs/faces weights/faces --data ../shared/data/faces
    python -m training evaluate weights/faces --real ../shared/data/faces
    python -m training report runs/faces
    python -m training directions weights/faces --named faces --data ../shared/data/faces
    python -m training map weights/faces
    python -m training export weights/faces
    python -m training attribute-classifiers --data ../shared/data/faces --out weights/judges
    python -m training window-segmenter --data ../shared/data/rooms --out weights/judges
    python -m training exemplars weights/faces
    python -m training encoder weights/faces
    python -m training run NAME --help
    python -m training results
    python -m training recipes

Errors are one sentence on stderr, with exit code 1 (2 for invalid arguments).
"""

from __future__ import annotations

import typer

from training.cli import data, experiments, release, train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _part in (data, train, release, experiments):
    app.add_typer(_part.app)


@app.callback()
def main() -> None:
    """Train DCGANs and measure what they have learned."""
