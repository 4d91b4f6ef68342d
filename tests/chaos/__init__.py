"""Chaos: jobs run while their workers, their Redis and the way between are killed at random.

``python -m tests.chaos`` runs it in its long form and prints what became of every job.
"""
