"""`python -m dcgan`: see `dcgan.cli`."""

from dcgan.cli import app

app(prog_name="python -m dcgan")
