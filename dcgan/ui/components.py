"""Parts of the page as Gradio components: html and JavaScript stand in files of their own."""

from __future__ import annotations

import json

import gradio as gr

from dcgan.paths import WEB
from dcgan.site.locales import english, with_english

_MOUNT = """
(async () => {
  const [{localize}, {mount}] = await Promise.all(
    ["core/language", %s].map((name) => import(new URL(`dcgan/web/${name}.js`, document.baseURI))));
  localize(element);
  await mount(element, %s);
})();
"""


def part(name: str, **options: object) -> gr.HTML:
    """web/NAME.html, brought to life by `mount(root, options)` of web/NAME.js; such as "tabs/walk".

    No subclass of gr.HTML: Gradio writes a stub file beside each, which a Space may not.
    """
    return gr.HTML(
        html_template=with_english((WEB / f"{name}.html").read_text(encoding="utf-8")),
        js_on_load=_MOUNT % (json.dumps(name), json.dumps(options)),
        apply_default_css=False,
        elem_classes="dc-part",
    )


def tab(name: str) -> gr.Tab:
    """The tab of that id, called as `tab.NAME` of web/locales says."""
    return gr.Tab(english(f"tab.{name}"), id=name)
