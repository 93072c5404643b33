"""The Space's entry: builds `demo` over the shipped weights and launches it.

PORT and HOST say where to listen (7860 on every interface on a Space, 127.0.0.1 elsewhere).
"""

import os
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.ui.page import build, launch_options, warm

engine = Engine(discover_checkpoints(Path(__file__).parent / "weights"))
demo = build(engine)

if __name__ == "__main__":
    warm(engine)
    demo.launch(
        server_name=os.environ.get("HOST", "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"),
        server_port=int(os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT", "7860")),
        **launch_options(engine),
    )
