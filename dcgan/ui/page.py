"""The page: a stage with the picture, tabs with its controls, and the shelf under both."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import gradio as gr
from gradio.themes import Base, colors

from dcgan.catalogue import describe
from dcgan.engine import Engine
from dcgan.ui import api, browser, discriminator, film, forget, results, server, shelf, yours
from dcgan.ui.components import part

TITLE = "What a DCGAN has learned"
ANALYTICS = "GRADIO_ANALYTICS_ENABLED"
FIRST = ("stage", "head", "share", "sample", "shelf", "picker", "work", "canvas", "sheet")
EARLY = '<script type="module" src="dcgan/web/page.js"></script>' + "".join(
    f'<link rel="modulepreload" href="dcgan/web/{name}.js">' for name in FIRST
)
"""The first picture is drawn, and what shows it is fetched, while Gradio is still getting ready."""


def build(engine: Engine) -> gr.Blocks:
    """The page over an engine; start it with `launch_options`."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        part("head")
        with gr.Row(elem_classes="dc-main"):
            with gr.Column(elem_classes="dc-left", min_width=280):
                part("stage")
                part("share", spaceId=os.environ.get("SPACE_ID"))
                part("past")
            with gr.Column(elem_classes="dc-right", min_width=280), gr.Tabs():
                with gr.Tab("Sample", id="sample"):
                    part("sample")
                with gr.Tab("Walk", id="walk"):
                    part("walk")
                with gr.Tab("Plane", id="plane"):
                    part("plane")
                with gr.Tab("Arithmetic", id="arithmetic"):
                    part("arithmetic")
                with gr.Tab("Turn", id="turn"):
                    part("turn")
                with gr.Tab("Yours", id="yours"):
                    part("yours", largest=discriminator.MAX_UPLOAD)
                with gr.Tab("Forget", id="forget"):
                    part("forget")
                with gr.Tab("Discriminator", id="discriminator"):
                    part("discriminator", largest=discriminator.MAX_UPLOAD)
                with gr.Tab("Results", id="results"):
                    part("results", html=results.html(results.REPORT))
        part("shelf")
        part("picker")
        part("film", longest=film.SECONDS)
        part("lectern")
        part("work")
        api.endpoints(engine)
    return page


def warm(engine: Engine) -> None:
    """Has ready what the first visitor asks for: the models, and the first one's pictures.

    What is there by then stays, Gradio above all: no collection of garbage goes through it again,
    which a crowd would wait for.
    """

    def begin() -> None:
        first, *_ = describe(engine)
        engine.render([engine.model(first["name"]).sample(1)])
        gc.freeze()

    threading.Thread(target=begin, name="warm", daemon=True).start()


def launch_options(engine: Engine) -> dict[str, Any]:
    """Arguments for `build(engine).launch`: our routes and look, no analytics, no server-side
    rendering (it wants Node and breaks components with modules of their own)."""
    return {
        "app_kwargs": {
            "routes": [
                *server.routes(engine),
                *browser.routes(engine),
                *film.routes(engine),
                *shelf.routes(engine),
                *forget.routes(engine),
                *discriminator.routes(engine),
                *yours.routes(engine),
                *results.routes(results.RESULTS),
            ]
        },
        "head": EARLY,
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
