"""Commands about notes on jobs, queues and error groups."""
