"""Commands that begin with ``asok worker``."""
