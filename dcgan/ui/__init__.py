"""The page; the only importer of gradio."""

import os

# Gradio reports to its makers, unless it is told before it is imported that it shall not
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
