"""From the text of an image to pixels: the engine and its ONNX graphs. May import models."""
