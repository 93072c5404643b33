"""The paper's experiments, one figure or table per file: `python -m training run NAME`.

Each module's `run` is a command that prints its results; --json saves them to results/, from which
docs/RESULTS.md is generated together with the module's docstring.
"""
