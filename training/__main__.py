"""`python -m training`: see `training.cli.app`."""

from training.cli.app import app

app(prog_name="python -m training")
