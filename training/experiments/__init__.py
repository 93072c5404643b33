"""The paper's experiments, one figure or table a file: `python -m training run NAME`.

Each module's `run` is a command: it prints what it measures, and --json keeps it in results/,
from which docs/RESULTS.md is written.
"""
