"""Commands on dead jobs."""
