"""Redis as it is in production: guarded, encrypted, replicated, and away at times."""
