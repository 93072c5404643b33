"""See what a DCGAN has learned: networks, latent space and pictures of arXiv 1511.06434."""

import os

# ONNX Runtime reports to its makers, unless it is told before it is imported that it shall not
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
