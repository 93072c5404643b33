"""Pages written from what was measured: a run's report, the results, the recipes."""
