"""Readers, data sets, samplers, augmentation, preparation and deduplication."""
