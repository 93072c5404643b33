"""Parts of the page as Gradio components: html and JavaScript stand in files of their own."""

from __future__ import annotations

import json

import gradio as gr

from dcgan.ui.server import WEB

class Part(gr.HTML):
    """web/NAME.html, brought to life by `mount(root, options)` of web/NAME.js."""

    def __init__(self, name: str, **options: object) -> None:
        super().__init__(
            html_template=(WEB / f"{name}.html").read_text(encoding="utf-8"),
            js_on_load=_MOUNT % (json.dumps(f"dcgan/web/{name}.js"), json.dumps(options)),
            apply_default_css=False,
            elem_classes="dc-part",
        )

    def api_info(self) -> dict[str, str]:
        return {"type": "string"}
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

_MOUNT = """
(async () => { const {mount} = await import(new URL(%s, document.baseURI));
await mount(element, %s); })();
"""
