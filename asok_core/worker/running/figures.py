"""When a process writes what its tasks did: once a second while they do anything."""

from __future__ import annotations

import math
import time

from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.task_counts import TaskCounts
from asok_core.errors import Refused
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.worker")

INTERVAL = 1.0
"""Seconds from the first attempt that is counted until it is written."""


class TaskFigures:
    """Writes ``counts``. What Redis refuses is lost and logged once; no job fails or waits for it."""

    def __init__(self, consumer: Consumer, counts: TaskCounts) -> None:
        self._consumer = consumer
        self._counts = counts
        self._due_at = math.inf
        self._refused = False

    @property
    def wait(self) -> float:
        """Seconds until there is something to write; infinite where nothing is counted."""
        if not self._counts:
            return math.inf
        now = time.monotonic()
        if self._due_at == math.inf:
            self._due_at = now + INTERVAL
        return max(0.0, self._due_at - now)

    def write_if_due(self) -> None:
        """Write if it is time. Raises Unreachable."""
        if self.wait <= 0:
            self.write()

    def write(self) -> None:
        """Write what is counted. Raises Unreachable."""
        self._due_at = math.inf
        try:
            self._consumer.count_tasks(self._counts)
        except Refused as error:
            if not self._refused:
                self._refused = True
                logger.warning("Figures by task are not written: %s", error)
        else:
            self._refused = False
