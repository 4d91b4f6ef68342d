"""A process of a worker: claims jobs, runs them, and settles their outcomes."""
