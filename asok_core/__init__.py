"""Background jobs on Redis: enqueue, work, inspect and operate."""

__version__ = "0.1.0"
