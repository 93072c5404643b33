"""Parts of the page as Gradio components: html and JavaScript stand in files of their own."""

from __future__ import annotations

import json

import gradio as gr

from dcgan.paths import WEB

_MOUNT = """
(async () => {
  const {mount} = await import(new URL(%s, document.baseURI));
  await mount(element, %s);
})();
"""


def part(name: str, **options: object) -> gr.HTML:
    """web/NAME.html, brought to life by `mount(root, options)` of web/NAME.js; such as "tabs/walk".

    No subclass of gr.HTML: Gradio writes a stub file beside each, which a Space may not.
    """
    return gr.HTML(
        html_template=(WEB / f"{name}.html").read_text(encoding="utf-8"),
        js_on_load=_MOUNT % (json.dumps(f"dcgan/web/{name}.js"), json.dumps(options)),
        apply_default_css=False,
        elem_classes="dc-part",
    )
