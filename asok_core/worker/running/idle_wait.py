"""The idle wait of a process: it sleeps until a job, an outcome or a command comes, or time is over."""

from __future__ import annotations

import time
from collections.abc import Sequence

from asok_core.backends.redis.consuming.blocked_claims import BlockedClaims
from asok_core.backends.redis.consuming.consumer import Consumer, CycleResult
from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.worker.running.prefetch import ENOUGH, LOOK, Prefetch
from asok_core.worker.running.threads import Threads
from asok_core.worker.wakeup import Alarm

IDLE = 5.0
"""Seconds that a process sleeps at most when nothing happens."""
POLL = 0.1
"""Seconds between two cycles where not all queues can be waited on (a full Redis, some ACLs)."""


class IdleWait:
    """Waits on the sockets of the blocked claims, on the threads, and on the supervisor's commands.

    A thread that waits for jobs claimed ahead is woken where the one that runs is not enough.
    """

    def __init__(
        self,
        blocked: BlockedClaims,
        consumer: Consumer,
        alarm: Alarm,
        threads: Threads,
        prefetch: Prefetch,
    ) -> None:
        self._blocked = blocked
        self._consumer = consumer
        self._alarm = alarm
        self._threads = threads
        self._prefetch = prefetch
        self._ready: Sequence[int] = ()

    @property
    def longest(self) -> float:
        """Seconds that one sleep may last."""
        return POLL if self._blocked.partial else IDLE

    def begin(self, reply: CycleResult) -> None:
        """Wait for jobs in each queue from which jobs may be claimed, by the reply to the last cycle."""
        closed = reply.paused | set(reply.broken)
        self._blocked.arm(queue for queue in self._consumer.queues if queue not in closed)

    def end(self) -> list[Claim]:
        """End every outstanding wait; returns what it has claimed at the last moment."""
        return self._blocked.disarm(self._consumer.connection)

    def sleep(self, seconds: float) -> None:
        """Sleep until something happens. Enough threads are kept awake."""
        self._threads.notify_at = self._prefetch.size // 2
        until, waiting = time.monotonic() + seconds, self._threads.waiting
        while waiting and self._prefetch.few:
            self._ready = self._sleep(LOOK)
            if self._ready or self._threads.has_news() or time.monotonic() >= until:
                return
            if waiting - self._threads.waiting < ENOUGH:
                self._prefetch.crawled()
                self._threads.wake_all()
            waiting = self._threads.waiting
        self._ready = self._sleep(max(until - time.monotonic(), 0.0))

    def arrivals(self) -> list[Claim]:
        """The jobs that the last sleep has brought."""
        found = (self._blocked.read(file) for file in self._ready)
        return [claim for claim in found if claim is not None]

    def _sleep(self, seconds: float) -> list[int]:
        return self._alarm.sleep(seconds, self._blocked.files(), self._threads.has_news)
