"""What the console reads from Redis, and what it concludes from that."""
