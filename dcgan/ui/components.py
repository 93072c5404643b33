"""Parts of the page as Gradio components, from the HTML and JavaScript files in web/."""

from __future__ import annotations

import json

import gradio as gr

from dcgan.paths import WEB
from dcgan.site.locales import english, with_english

_MOUNT = """
(async () => {
  element.inert = true;
  try {
    const load = (name) => import(new URL(`dcgan/web/${name}.js`, document.baseURI));
    const [{localize}, {mount}] = await Promise.all([load("core/language"), load(%s)]);
    localize(element);
    await mount(element, %s);
  } finally {
    element.inert = false;
  }
})();
"""
"""Until a part is mounted it takes no input, which would be lost."""


def part(name: str, **options: object) -> gr.HTML:
    """Return a component with web/NAME.html, set up by `mount(root, options)` of web/NAME.js.

    name: such as "tabs/walk". This does not subclass gr.HTML, because Gradio writes a stub file
    beside each subclass, for which a Space has no permission.
    """
    return gr.HTML(
        html_template=with_english((WEB / f"{name}.html").read_text(encoding="utf-8")),
        js_on_load=_MOUNT % (json.dumps(name), json.dumps(options)),
        apply_default_css=False,
        elem_classes="dc-part",
    )


def tab(name: str) -> gr.Tab:
    """Return the tab with this id; its label is `tab.NAME` of web/locales."""
    return gr.Tab(english(f"tab.{name}"), id=name)
