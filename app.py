"""The Space's entry: builds `demo` over the shipped weights and launches it.

PORT and HOST say where to listen (7860 on every interface on a Space, 127.0.0.1 elsewhere). The
same over other weights: `python -m dcgan page`.
"""

from pathlib import Path

from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.ui.launch import launch
from dcgan.ui.page import build

engine = Engine(discover_checkpoints(Path(__file__).parent / "weights"))
demo = build(engine)

if __name__ == "__main__":
    launch(demo, engine)
