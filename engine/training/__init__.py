"""Texts -> tokens -> batches -> the loop -> a trained model."""
