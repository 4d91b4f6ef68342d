"""Screens over the views: confirmation, job, help."""
