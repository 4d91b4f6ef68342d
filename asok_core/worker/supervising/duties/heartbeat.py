"""The heartbeat: it renews the lease of the worker and publishes how its processes are."""

from __future__ import annotations

import os
import socket
import time

from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.jobs.sizes import size_words
from asok_core.version import __version__
from asok_core.worker.application_release import release_of
from asok_core.worker.config import WorkerConfig
from asok_core.worker.presence import WorkerPresence
from asok_core.worker.signals import SignalRequests
from asok_core.worker.supervising.commands import Commands
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.duties.redis_memory import RedisMemoryDuty
from asok_core.worker.supervising.event_report import EventReport
from asok_core.worker.supervising.processes import Processes
from asok_core.worker.supervising.recovery import Recovery
from asok_core.worker.supervising.systemd import ALIVE, notify

HEARTBEATS = 6
"""Heartbeats in the length of a lease: it expires when all of them are late or lost."""
RETRY = 1.0
"""Seconds after which a heartbeat that did not succeed is sent again."""


class HeartbeatDuty(Duty):
    """Renew the lease, and follow the commands that are stored for this worker.

    ``leased`` is whether it has had a lease at all, ``known_holds`` the generation of holds in Redis.
    """

    name = "heartbeat"

    def __init__(
        self,
        config: WorkerConfig,
        registry: Registry,
        *,
        processes: Processes,
        presence: WorkerPresence,
        requests: SignalRequests,
        commands: Commands,
        recovery: Recovery,
        memory: RedisMemoryDuty,
        events: EventReport,
    ) -> None:
        interval = config.settings.worker_lease / HEARTBEATS
        super().__init__(interval, backoff=min(RETRY, interval))
        self.leased = False
        self._config = config
        self._registry = registry
        self._processes = processes
        self._presence = presence
        self._requests = requests
        self._commands = commands
        self._recovery = recovery
        self._memory = memory
        self._events = events
        self._release = release_of(config.settings)
        self._started_at: float | None = None
        self.known_holds = self._published_holds = 0

    @property
    def has_new_holds(self) -> bool:
        """Whether the processes enforce other holds than the last heartbeat has published."""
        return self._enforced_holds() != self._published_holds

    def _enforced_holds(self) -> int:
        """The generation of the holds that all processes enforce. What starts reads them first."""
        enforced = (each.shared.holds for each in self._processes if each.alive)
        return min(enforced, default=self.known_holds)

    def run(self) -> float | None:
        """Send one. It is due again at once where it has brought a command that changes the state."""
        # A process that hangs and could not be replaced: the service manager ends the whole worker. One
        # that a job holds is at work, as far as is known.
        if not self._processes.stuck:
            notify(ALIVE)
        memory = [process.memory() for process in self._processes]
        slots, events = self._processes.slots, self._events.rows()
        self._published_holds = self._enforced_holds()
        asked_at = time.monotonic()
        reply = self._registry.heartbeat(
            self._config.worker,
            self._processes.queues,
            self._fields(memory, slots),
            machine=self._presence.machine,
            events=events,
        )
        self.leased = True
        self._events.reported(events)
        self._processes.publish(slots)
        for process in self._processes:
            process.shared.leased_until = asked_at + self._config.settings.worker_lease
        if not reply.whole:
            self._recovery.spare_others()
        self.known_holds = reply.holds
        for process in self._processes:
            # The message may have been lost.
            if process.alive and process.shared.holds != reply.holds:
                process.commands.send("holds")
        changed = self._commands.follow(reply)
        self._retire_the_large(memory)
        return 0.0 if changed else None

    def _fields(self, memory: list[int | None], slots: dict[int, int]) -> dict[str, Arg]:
        config, processes = self._config, self._processes
        if self._started_at is None:
            self._started_at = self._registry.now()
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": __version__,
            "release": self._release.name,
            "release_source": self._release.source,
            "queues": ",".join(processes.queues),
            "serves": ",".join(processes.in_force.queues),
            "concurrency": processes.in_force.concurrency * config.processes,
            "configured_concurrency": config.concurrency,
            "configured_queues": ",".join(config.queues),
            "processes": config.processes,
            "slots": ",".join(f"{number}:{each}" for number, each in slots.items()),
            "started_at": f"{self._started_at:.3f}",
            "running": sum(len(process.running()) for process in processes),
            # Where no process lives, nothing is known.
            "rss": sum(size for size in memory if size) or "",
            **processes.report().fields(),
            "memory_rate": "" if self._memory.rate is None else f"{self._memory.rate:.0f}",
            "envelopes": "v1 v2" if config.settings.accepts_v1 else "v2",
            "ends_pauses": 1,
            "holds": self._published_holds,
            "quiet": int(processes.quiet),
            "stopping": int(bool(self._requests.stop)),
        }

    def _retire_the_large(self, memory: list[int | None]) -> None:
        most = self._config.max_memory
        for process, size in zip(self._processes, memory, strict=True):
            if most is None or size is None or size <= most:
                continue
            # Where each process is too large from its start, each still runs a job.
            if process.shared.proven:
                process.retire(f"has grown to {size_words(size)}")
