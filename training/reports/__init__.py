"""Generated pages: the report of a run, the results, the recipes."""
