"""Distances, nearest neighbours, linear SVM and K-means. May import data."""
