"""The text of an image, the mathematics of z, and interpolation. Imports `dcgan.config` only."""
