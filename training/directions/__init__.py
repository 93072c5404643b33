"""Directions in latent space, the latent map and the encoder. May import attributes."""
