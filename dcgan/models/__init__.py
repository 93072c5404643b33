"""Networks, checkpoints with their side files, and the Hub. May import latents and media."""
