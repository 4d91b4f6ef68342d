"""What a worker asks of Redis: claims and outcomes, leases, promotion, recovery."""
