"""What was asked and what happened: the store, the queue, the events, the forecast."""
