"""Predictions -> numbers that anyone can trust.

Here are the figures that pages name as well, which load nothing heavy.
"""

LEAST_RUNS, MOST_RUNS = 2, 10  # that are compared at once
MOST_TEXTS = 200  # that are shown of those on which runs disagree
RESAMPLES = 1000  # of the texts, for an interval
