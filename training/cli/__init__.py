"""Commands of `python -m training`. May import everything; nothing imports it."""
