"""Release of checkpoints: from a training run, or imported from the authors' weights."""
