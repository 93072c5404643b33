"""What the networks have learned: units, saliency, features, inversion. May import rendering."""
