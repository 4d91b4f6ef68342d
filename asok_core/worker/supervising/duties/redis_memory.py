"""The watch over the memory of Redis: its rate of growth, and a warning before it is full."""

from __future__ import annotations

import time

from asok_core.backends.redis.consuming.registry import Registry
from asok_core.errors import Refused
from asok_core.inspection.memory_growth import INTERVAL, FillRate, MemoryGrowth, filling
from asok_core.runtime.logs import safe_logger
from asok_core.worker.supervising.duties.duty import Duty

logger = safe_logger("asok.worker")

SOONER = 0.5
"""A warning is repeated when the time left has shrunk to this part of that of the last one."""


class RedisMemoryDuty(Duty):
    """Take a sample each time. ``rate`` is bytes per second, None where it is not known."""

    name = "watch over the memory of Redis"

    def __init__(self, registry: Registry) -> None:
        super().__init__(INTERVAL)
        self.rate: float | None = None
        self._registry = registry
        self._growth = MemoryGrowth()
        self._warned: float | None = None

    def run(self) -> None:
        """Take one, and warn if need be. Raises Unreachable."""
        try:
            info = self._registry.connection.call("INFO", "memory")
        except Refused:
            # A user who may not ask it (ACL) knows nothing of it.
            return
        used, most = _field(info, "used_memory"), _field(info, "maxmemory")
        if used is None or not most:
            self._growth, self.rate = MemoryGrowth(), None
            return
        self._growth.add(time.monotonic(), used)
        self.rate = self._growth.rate()
        self._warn(filling(self.rate, used, most))

    def _warn(self, found: FillRate | None) -> None:
        if found is None:
            self._warned = None
        elif self._warned is None or found.seconds < SOONER * self._warned:
            self._warned = found.seconds
            logger.warning(
                "Redis: %s; raise maxmemory, purge jobs, or keep records and results for less time "
                "(ASOK_RECORD_TTL, keep_result)",
                found,
            )


def _field(info: object, name: str) -> int | None:
    found = info.get(name) if isinstance(info, dict) else None
    if isinstance(info, bytes):
        lines = (line.partition(b":") for line in info.split(b"\r\n"))
        found = next((value for key, _, value in lines if key == name.encode()), None)
    try:
        return None if found is None else int(found)
    except ValueError:
        return None
