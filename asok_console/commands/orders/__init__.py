"""Orders to a worker."""
