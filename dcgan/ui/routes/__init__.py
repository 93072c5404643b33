"""HTTP routes, one file a tab or subject. May import serving."""
