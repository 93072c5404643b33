"""`python -m training`: see `training.cli.app`."""

import sys

try:
    from training.cli.app import app
except ModuleNotFoundError as error:
    package = (error.name or "").partition(".")[0]
    if package in ("dcgan", "training"):
        raise
    sys.exit(
        f"python -m training needs {package}, which is not installed here: run "
        "`make develop`, or `pip install -r requirements-train.txt`"
    )

app(prog_name="python -m training")
