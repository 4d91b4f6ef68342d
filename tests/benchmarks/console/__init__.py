"""Benchmarks of the console, for its user and for Redis: ``python -m tests.benchmarks.console``."""
