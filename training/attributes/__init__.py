"""What images show: classifiers, window segmentation, landmarks, scores, exemplars."""
