"""From a training run, or somebody else's weights, to a published checkpoint."""
