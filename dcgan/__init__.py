"""See what a DCGAN has learned: networks, latent space and pictures of arXiv 1511.06434."""
