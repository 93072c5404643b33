"""HTTP routes, one file per tab or subject. May import serving."""
