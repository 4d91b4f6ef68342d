"""What SECURITY.md promises, attacked: its table names the test of each promise."""
