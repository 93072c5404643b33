"""Attributes of images: classifiers, window segmentation, landmarks, scores, exemplars."""
