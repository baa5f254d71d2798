"""Predictions -> numbers that anyone can trust."""
