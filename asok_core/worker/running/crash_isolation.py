"""Jobs whose process died often: they start one at a time, so that only the one at fault crashes again.

One that waits for that holds no slot: other jobs run in the meantime.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.worker.running.claimed_job import ClaimedJob

ALONE = 30.0
"""Seconds that one of them runs before the next may start beside it."""

MOST = 100
"""Jobs that wait without a slot. Further ones hold one: a process that claims all there are would keep
them from workers with nothing else to do."""


class DubiousJobs:
    """Those that wait for their turn, in order. True while there are any."""

    def __init__(self) -> None:
        self._waiting: list[ClaimedJob] = []
        self._next_at = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def without_slot(self) -> int:
        """How many of them hold no slot."""
        return min(len(self._waiting), MOST)

    def __contains__(self, claimed: object) -> bool:
        return claimed in self._waiting

    @property
    def due(self) -> bool:
        """Whether the last one has run long enough for the next to start."""
        return bool(self._waiting) and time.monotonic() >= self._next_at

    def put(self, claimed: ClaimedJob) -> None:
        """Let one wait, as another runs."""
        self._waiting.append(claimed)

    def start(self) -> None:
        """Note that one starts."""
        self._next_at = time.monotonic() + ALONE

    def take(self) -> ClaimedJob:
        """The next to start."""
        self.start()
        return self._waiting.pop(0)

    def take_waiting(self) -> list[ClaimedJob]:
        """All of them, in order."""
        back, self._waiting = self._waiting, []
        return back

    def take_lost(self, active: Collection[Claim]) -> list[ClaimedJob]:
        """Those that are no longer active: Redis gave them to another."""
        lost = [claimed for claimed in self._waiting if claimed.claim not in active]
        self._waiting = [claimed for claimed in self._waiting if claimed.claim in active]
        return lost
