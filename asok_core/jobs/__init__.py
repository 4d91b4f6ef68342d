"""Jobs as values: their states, text, signed envelopes, arguments, results and futures."""
