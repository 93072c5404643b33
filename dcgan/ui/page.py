"""The page: a stage with the current image, tabs of controls, and a shelf of saved images."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import gradio as gr
from gradio.themes import Base, colors

from dcgan.paths import WEB
from dcgan.rendering.engine import Engine
from dcgan.site.locales import english
from dcgan.site.manifest import describe_models
from dcgan.ui import gradio_api
from dcgan.ui.components import part, tab
from dcgan.ui.routes import browser_engine, discriminator, forget, photo, results, shelf, video
from dcgan.ui.serving import http

PRELOADED = (
    "widgets/stage",
    "widgets/header",
    "widgets/share",
    "tabs/sample",
    "widgets/shelf",
    "widgets/picker",
    "core/tasks",
    "widgets/canvas",
    "widgets/sheet",
    "core/language",
)
HEAD = (
    '<script type="module" src="dcgan/web/core/page.js"></script>'
    + "".join(f'<link rel="modulepreload" href="dcgan/web/{name}.js">' for name in PRELOADED)
    + '<link rel="preload" href="dcgan/web/locales/en.json" as="fetch" crossorigin>'
)
"""HTML that requests the first image and preloads the modules that show it while Gradio starts."""


def build(engine: Engine) -> gr.Blocks:
    """Build the page of an engine; launch it with `launch_options`."""
    with gr.Blocks(title=english("header.title"), analytics_enabled=False, fill_width=True) as page:
        part("widgets/header")
        with gr.Row(elem_classes="dc-main"):
            with gr.Column(elem_classes="dc-left", min_width=280):
                part("widgets/stage")
                part("widgets/share", spaceId=os.environ.get("SPACE_ID"))
                part("widgets/history-list")
            with gr.Column(elem_classes="dc-right", min_width=280), gr.Tabs():
                with tab("sample"):
                    part("tabs/sample")
                with tab("walk"):
                    part("tabs/walk")
                with tab("map"):
                    part("tabs/map")
                with tab("arithmetic"):
                    part("tabs/arithmetic")
                with tab("turn"):
                    part("tabs/turn")
                with tab("photo"):
                    part("tabs/photo", largest=discriminator.MAX_UPLOAD)
                with tab("forget"):
                    part("tabs/forget")
                with tab("discriminator"):
                    part("tabs/discriminator", largest=discriminator.MAX_UPLOAD)
                with tab("results"):
                    part("tabs/results")
        part("widgets/shelf")
        part("widgets/picker")
        part("widgets/video-export", longest=video.MAX_SECONDS)
        part("present/present")
        part("core/tasks")
        gradio_api.add_endpoints(engine)
    return page


def warm(engine: Engine) -> None:
    """Prepare, in a thread, what the first visitor requests: the models and the first image.

    Then freeze the garbage collector's objects: what exists by then, mainly Gradio, stays for good,
    and scanning it again would delay requests under load.
    """

    def begin() -> None:
        first, *_ = describe_models(engine)
        engine.render([engine.model(first["name"]).sample(1)])
        gc.freeze()

    threading.Thread(target=begin, name="warm", daemon=True).start()


def launch_options(engine: Engine) -> dict[str, Any]:
    """Return the arguments of `build(engine).launch`: routes, styles and theme.

    Server-side rendering is off: it needs Node and breaks components with their own modules.
    """
    return {
        "app_kwargs": {
            "routes": [
                *http.routes(engine),
                *browser_engine.routes(engine),
                *video.routes(engine),
                *shelf.routes(engine),
                *forget.routes(engine),
                *discriminator.routes(engine),
                *photo.routes(engine),
                *results.routes(results.RESULTS, results.REPORTS),
            ]
        },
        "head": HEAD,
        "css_paths": [WEB / "styles" / "page.css"],
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
