"""The process and the terminal that the console runs in."""
