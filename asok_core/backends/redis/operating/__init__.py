"""What an operator asks of Redis: actions on many jobs, in atomic batches with an audit."""
