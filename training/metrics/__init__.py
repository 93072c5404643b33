"""Metrics: distances, nearest neighbours, linear SVM and K-means features. May import data."""
