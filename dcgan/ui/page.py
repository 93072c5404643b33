"""The page: a stage with the picture, tabs with its controls, and the shelf under both."""

from __future__ import annotations

import base64
import os
from typing import Any

import gradio as gr
from gradio.events import api
from gradio.themes import Base, colors

from dcgan.engine import Engine
from dcgan.spec import SpecError, parse
from dcgan.ui import discriminator, forget, server
from dcgan.ui.components import part

TITLE = "What a DCGAN has learned"
ANALYTICS = "GRADIO_ANALYTICS_ENABLED"


def build(engine: Engine) -> gr.Blocks:
    """The page over an engine; start it with `launch_options`."""

    def render(text: str) -> dict[str, Any]:
        """A picture by its text: {"png": data URI, "spec": its canonical text, "norm": |z|}."""
        try:
            spec = parse(text)
            content, norm = server.png(engine, spec), server.norm(engine, spec)
        except SpecError as error:
            raise gr.Error(str(error)) from None
        uri = "data:image/png;base64," + base64.b64encode(content).decode()
        return {"png": uri, "spec": str(spec), "norm": norm}

    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        part("head")
        with gr.Row(elem_classes="dc-main"):
            with gr.Column(elem_classes="dc-left", min_width=280):
                part("stage")
                part("share", spaceId=os.environ.get("SPACE_ID"))
            with gr.Column(elem_classes="dc-right", min_width=280), gr.Tabs():
                with gr.Tab("Sample", id="sample"):
                    part("sample")
                with gr.Tab("Walk", id="walk"):
                    part("walk")
                with gr.Tab("Arithmetic", id="arithmetic"):
                    part("arithmetic")
                with gr.Tab("Turn", id="turn"):
                    part("turn")
                with gr.Tab("Forget", id="forget"):
                    part("forget")
                with gr.Tab("Discriminator", id="discriminator"):
                    part("discriminator", largest=discriminator.MAX_UPLOAD)
        part("shelf")
        part("picker")
        api(render, api_name="render")
    return page


def launch_options(engine: Engine) -> dict[str, Any]:
    """Arguments for `build(engine).launch`: our routes and look, no analytics, no server-side
    rendering (it wants Node and breaks components with modules of their own)."""
    return {
        "app_kwargs": {
            "routes": [
                *server.routes(engine),
                *forget.routes(engine),
                *discriminator.routes(engine),
            ]
        },
        "css_paths": [server.WEB / "page.css"],
        "theme": Base(
            primary_hue=colors.slate,
            neutral_hue=colors.stone,
            font=["system-ui", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        ).set(body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300"),
        "ssr_mode": False,
        "footer_links": ["api"],
        "run_history": False,
    }
