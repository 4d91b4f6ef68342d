"""The end of holds that end by themselves: they match no longer, and what they keep is returned."""

from __future__ import annotations

from asok_core.backends.redis.consuming.holds import end_holds, read_holds
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.duties.heartbeat import HeartbeatDuty

INTERVAL = 1.0
"""Seconds: a process starts new jobs from the end of a hold on, and those it kept are older."""


class HoldEndDuty(Duty):
    """End them, a bounded number of jobs each time. Nothing is asked where there are no holds."""

    name = "end of holds"

    def __init__(self, registry: Registry, heartbeat: HeartbeatDuty) -> None:
        super().__init__(INTERVAL)
        self._registry = registry
        self._heartbeat = heartbeat

    def run(self) -> float | None:
        """End those whose end has come. It is due again at once where there is more to return."""
        if not self._heartbeat.known_holds:
            return None
        connection, keys = self._registry.connection, self._registry.keys
        holds = read_holds(connection, keys)
        return 0.0 if end_holds(connection, keys, holds, self._registry.now()) else None
