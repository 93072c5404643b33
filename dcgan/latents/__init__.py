"""Image specs, latent arithmetic and interpolation. Imports `dcgan.config` only."""
