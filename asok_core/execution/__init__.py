"""The execution of tasks on all backends: lookup, attempts, hooks, context and cancellation."""
