"""Commands on the trash."""
