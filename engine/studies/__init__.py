"""Several runs that answer one question: a comparison, a learning curve, a search for good settings."""
