"""Packages that only some features need: the sentence for one that is not installed.

A module that needs such a package imports it as if it were there, and is imported itself only
where its feature is used. Whoever answers people turns the ModuleNotFoundError into `explain`.
"""

from __future__ import annotations

EXTRAS = {
    "av": ("av", "video"),
    "cv2": ("opencv-python-headless", "invert"),
    "gradio": ("gradio", "page"),
    "markdown_it": ("markdown-it-py", "page"),
    "sklearn": ("scikit-learn", "invert"),
    "starlette": ("starlette", "page"),
    "torch": ("torch", "invert"),
}
"""By the name that is imported: the package to install, and the extra of dcgan that has it."""


def explain(error: ModuleNotFoundError) -> str:
    """What to install. Raises the error itself for a module that is no optional package."""
    top, *_ = (error.name or "").split(".")
    if top not in EXTRAS:
        raise error
    package, extra = EXTRAS[top]
    return (
        f"this needs {package}, which is not installed here: run `pip install {package}`, or "
        f"install dcgan[{extra}]"
    )
