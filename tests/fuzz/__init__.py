"""Random and hostile input for everything that reads what somebody else wrote.

``make fuzz`` runs for ten minutes (``SECONDS=600``), and the test suite runs a short form of the same.
"""
