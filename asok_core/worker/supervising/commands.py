"""What operators and applications order a worker through Redis, and what else is published there.

Each order is stored as well as published: a heartbeat finds those whose messages were lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asok_core.backends.redis.consuming.leases import Heartbeat
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.jobs.job import LONGEST_ID
from asok_core.jobs.numbers import number
from asok_core.runtime.logs import safe_logger
from asok_core.worker.config import WorkerConfig
from asok_core.worker.signals import Requests
from asok_core.worker.supervising.processes import Processes

logger = safe_logger("asok.worker")


class Orders:
    """Hands orders to the processes. ``hasten`` has a duty of the supervisor done within some seconds."""

    def __init__(
        self,
        config: WorkerConfig,
        registry: Registry,
        processes: Processes,
        requests: Requests,
        *,
        hasten: Callable[[str, float], None],
    ) -> None:
        self._worker = config.worker
        self._registry = registry
        self._processes = processes
        self._requests = requests
        self._hasten = hasten

    def obey(self, heartbeat: Heartbeat) -> None:
        """Do what is stored for this worker. Raises Unreachable or Refused."""
        if heartbeat.wanted == "stop":
            self._requests.stop = self._requests.stop or "an order through Redis"
        elif (heartbeat.wanted == "quiet") != self._processes.quiet:
            self._processes.quiet = quiet = heartbeat.wanted == "quiet"
            logger.info("Ordered to %s through Redis", "be quiet" if quiet else "resume")
            self._processes.order("quiet" if quiet else "resume")
            # The heartbeat that brought the order reported the state before it.
            self._hasten("beat", 0.0)
        if heartbeat.cancelled:
            self._cancel_again(heartbeat.cancelled)

    def follow(self, message: str) -> None:
        """Do what a message of ``asok:wake`` says."""
        verb, _, rest = message.partition(" ")
        if verb == "due":
            due = number(rest)
            if due is not None:
                self._hasten("promote", max(0.0, due - self._registry.now()))
        elif verb == "order" and rest == self._worker:
            self._hasten("beat", 0.0)
        elif verb == "cancel":
            self._cancel(rest)
        elif verb in ("pause", "resume", "notice"):
            self._processes.order("wake")

    def _cancel(self, job_id: str) -> None:
        # Orders are lines: an id must not be another order.
        if job_id.isprintable() and len(job_id) <= LONGEST_ID:
            self._processes.order(f"cancel {job_id}")

    def _cancel_again(self, asked: Sequence[str]) -> None:
        """Ask jobs to stop of which the message may have been lost; what has ended is removed."""
        running = {each.job_id for process in self._processes for each in process.running()}
        for job_id in running.intersection(asked):
            self._cancel(job_id)
        self._registry.forget_cancels(self._worker, set(asked) - running)
