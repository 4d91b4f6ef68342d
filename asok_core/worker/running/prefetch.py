"""How many jobs to hold beyond the free threads, and how many threads to wake for them.

Many jobs of the fast, none of the slow. And one thread for those that are over at once: ten would pass
the interpreter's lock to each other more often than they do anything else.
"""

from __future__ import annotations

import time

from asok_core.worker.job_slots import MOST_AHEAD

PATIENCE = 0.02
"""Seconds a claimed job may wait for a thread before it is returned to its queue."""
LOOK = 0.002
"""Seconds after which it is looked whether one thread is enough."""
ENOUGH = 10
"""Jobs that one thread has to begin in that time; else every thread is woken."""
SHORTEST_DOUBT, LONGEST_DOUBT = 0.05, 5.0
"""Seconds until one thread is tried again: twice as many after each trial that failed."""


class Prefetch:
    """A window that doubles while claimed jobs begin at once, and closes when one has to wait.

    With a slow task nothing is held back: the window starts closed, and one stall closes it again.
    ``size`` is in jobs; ``doubt`` how many seconds a trial with one thread that fails costs next.
    """

    def __init__(self) -> None:
        self.size = 0
        self._many_until = 0.0
        self.doubt = SHORTEST_DOUBT

    @property
    def few(self) -> bool:
        """Whether one thread is enough, as far as is known."""
        return self.size > 0 and time.monotonic() >= self._many_until

    def crawled(self) -> None:
        """One thread was not enough."""
        self._many_until = time.monotonic() + self.doubt
        self.doubt = min(2 * self.doubt, LONGEST_DOUBT)

    def flowed(self, seconds: float) -> None:
        """All claimed jobs had begun within ``seconds`` of being claimed."""
        if time.monotonic() - seconds >= self._many_until:
            # One thread ran them.
            self.doubt = SHORTEST_DOUBT
        if seconds < PATIENCE / 2:
            self.size = min(MOST_AHEAD, max(4, self.size * 2))
        elif seconds > PATIENCE:
            self.size //= 2

    def stalled(self) -> None:
        """A claimed job waited too long."""
        self.size = 0
