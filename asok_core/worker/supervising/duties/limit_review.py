"""The review of limits: jobs that wait for one start when it allows that, whatever became of others."""

from __future__ import annotations

import math

from asok_core.backends.redis.consuming.holds import read_holds
from asok_core.backends.redis.consuming.limits import review_all, review_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.server_clock import STEP
from asok_core.inspection.limits import LimitRule
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.duties.heartbeat import HeartbeatDuty

INTERVAL = 1.0
"""Seconds at most: jobs that begin to wait are not announced."""
SHORTEST = 0.02
"""Seconds between two looks."""


class LimitReviewDuty(Duty):
    """Look at what is due. One command where no job is under a limit."""

    name = "review of limits"

    def __init__(self, registry: Registry, heartbeat: HeartbeatDuty) -> None:
        super().__init__(INTERVAL)
        self._registry = registry
        self._heartbeat = heartbeat
        self._generation = 0
        self._last = -math.inf
        self._rules: dict[str, LimitRule] = {}

    def run(self) -> float | None:
        """It is due again when the next bucket is, within ``INTERVAL``."""
        connection, keys = self._registry.connection, self._registry.keys
        generation = self._heartbeat.known_holds
        if generation != self._generation:
            found = read_holds(connection, keys)
            self._rules = {each.identity: each for each in found.limits}
            review_all(connection, keys, self._rules)
            self._generation = generation
        now = self._registry.now()
        if now < self._last - STEP:
            # The server's clock was set back: what was due soon would be due in hours.
            review_all(connection, keys, self._rules)
        self._last = now
        next_due_in = review_due(connection, keys, self._rules, now)
        if next_due_in is None:
            return None
        return min(max(SHORTEST, next_due_in), INTERVAL)
