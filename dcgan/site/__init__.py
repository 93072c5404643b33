"""What leaves as files: the static site with its runtime and manifest, the archive of a shelf."""
