"""What the console costs, in front of it and for Redis: ``python -m tests.benchmarks.console``."""
