"""Optional dependencies, and the message for one that is not installed.

A module that needs an optional package imports it unconditionally, where its feature is used. User
interfaces replace a ModuleNotFoundError by the message of `explain`.
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
"""Name of the imported module -> package to install, and extra of dcgan that includes it."""


def explain(error: ModuleNotFoundError) -> str:
    """Return a message that says what to install. Reraises the error for any other module."""
    top, *_ = (error.name or "").split(".")
    if top not in EXTRAS:
        raise error
    package, extra = EXTRAS[top]
    return (
        f"this needs {package}, which is not installed here: run `pip install {package}`, or "
        f"install dcgan[{extra}]"
    )
