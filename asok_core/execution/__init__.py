"""How a task runs, wherever it runs: its function, its attempt, hooks, context and cancellation."""
