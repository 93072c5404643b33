"""The adversarial training loop and its state. May import data, metrics and recipes."""
