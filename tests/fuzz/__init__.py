"""Random and hostile input for all parsers of external data.

``make fuzz`` runs for ten minutes (``SECONDS=600``); the test suite runs a short version.
"""
