"""Figures by task, as a reader sees them."""
