"""How many jobs a process runs before another takes its place (``--max-jobs``)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 2.0
"""Seconds over which the rate of claims is counted."""
AHEAD = 10.0
"""Seconds before its end, at that rate, that a process asks for a successor. The start of a Python
process takes a third of a second of one core, several times as long on a busy machine."""


class JobQuota:
    """The jobs of one process: ``done`` have ended, and it may run ``most`` (None: any number).

    ``claimed`` is always how many it has claimed that have not ended. Times are those of ``clock``.
    """

    def __init__(self, most: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.done = 0
        self._most = most
        self._clock = clock
        self._taken: deque[tuple[float, int]] = deque([(clock(), 0)])

    @property
    def used_up(self) -> bool:
        """Whether the limit of jobs is reached, so that no other may begin."""
        return self._most is not None and self.done >= self._most

    def left(self, claimed: int) -> float:
        """How many more jobs it may claim."""
        return float("inf") if self._most is None else self._most - self.done - claimed

    def nearly_used_up(self, claimed: int) -> bool:
        """Whether the last one is claimed in ``AHEAD`` seconds, at the rate of the last ``WINDOW``."""
        if self._most is None:
            return False
        now, taken, history = self._clock(), self.done + claimed, self._taken
        if taken != history[-1][1]:
            history.append((now, taken))
        # One that is older stays: what was taken since then is what the window counts.
        while len(history) > 1 and history[1][0] <= now - WINDOW:
            history.popleft()
        recent = taken - history[0][1]
        return recent > 0 and recent * AHEAD / WINDOW >= self._most - taken
