"""The processes that do the work: a run and its phases, what measures a forecast, the watcher of the queue."""
