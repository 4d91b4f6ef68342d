"""Commands on holds, which keep matching jobs from starting."""
