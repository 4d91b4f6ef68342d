"""What an application asks of Redis: jobs in, results out."""
