"""The Space's entry: builds `demo` over the shipped weights and launches it.

PORT and HOST say where to listen (7860 on every interface on a Space, 127.0.0.1 elsewhere). The
same over other weights: `python -m dcgan page`.
"""

import sys
from pathlib import Path

from dcgan.models.checkpoint import CheckpointError
from dcgan.ui.launch import launch, open_checkpoints
from dcgan.ui.page import build

try:
    engine = open_checkpoints([str(Path(__file__).parent / "weights")])
except CheckpointError as error:
    sys.exit(f"Error: {error}")
demo = build(engine)

if __name__ == "__main__":
    launch(demo, engine)
