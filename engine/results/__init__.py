"""What a finished run is worth: scores, thresholds, comparisons, export; and models that are brought."""
