"""What a reader asks of Redis: the whole in three round trips, lists by windows. Writes nothing."""
