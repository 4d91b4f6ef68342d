"""Actions on their way: confirmed, run on threads, reported."""
