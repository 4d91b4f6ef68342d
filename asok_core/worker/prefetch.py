"""How many jobs to hold beyond the free threads: many of the fast, none of the slow."""

from __future__ import annotations

MOST = 64
"""Jobs; larger batches gain little, and hold more that another worker could run."""
PATIENCE = 0.02
"""Seconds a claimed job may wait for a thread before it is given back."""


class Prefetch:
    """A window that doubles while claimed jobs begin at once, and closes when one has to wait.

    With a slow task nothing is held back: the window starts closed, and one stall closes it again.
    """

    def __init__(self) -> None:
        self.size = 0

    def flowed(self, seconds: float) -> None:
        """All claimed jobs had begun within ``seconds`` of being claimed."""
        if seconds < PATIENCE / 2:
            self.size = min(MOST, max(4, self.size * 2))
        elif seconds > PATIENCE:
            self.size //= 2

    def stalled(self) -> None:
        """A claimed job waited too long."""
        self.size = 0
