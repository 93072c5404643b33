"""Make the checkpoints and re-run the paper's experiments. Never imported by `dcgan`."""
