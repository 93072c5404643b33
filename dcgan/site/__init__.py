"""Exported files: the static site with its runtime and manifest, and the archive of a shelf."""
