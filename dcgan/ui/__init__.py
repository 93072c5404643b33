"""The page; the only importer of gradio."""

import os

# Gradio sends telemetry unless this is set before it is imported
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
