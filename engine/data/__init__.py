"""A file somebody has -> a Dataset: rows, roles, health, a frozen split."""
