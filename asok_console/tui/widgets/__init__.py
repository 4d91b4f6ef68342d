"""Widgets drawn by the console itself."""
