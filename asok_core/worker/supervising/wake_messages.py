"""Messages of applications and operators to all workers, between two heartbeats.

Each of them is stored as well as published: a heartbeat finds what was lost.
"""

from __future__ import annotations

from asok_core.backends.redis.consuming.registry import Registry
from asok_core.jobs.numbers import number
from asok_core.worker.supervising.commands import Commands
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.processes import Processes


class WakeMessages:
    """Does what a message of ``asok:wake`` says, or hastens the duty that does it."""

    def __init__(
        self,
        worker: str,
        registry: Registry,
        processes: Processes,
        commands: Commands,
        *,
        heartbeat: Duty,
        promotion: Duty,
        limit_review: Duty,
    ) -> None:
        self._worker = worker
        self._registry = registry
        self._processes = processes
        self._commands = commands
        self._heartbeat = heartbeat
        self._promotion = promotion
        self._limit_review = limit_review

    def follow(self, message: str) -> None:
        """Follow one message. Raises Unreachable or Refused."""
        verb, _, rest = message.partition(" ")
        if verb in ("due", "limit"):
            due = number(rest)
            if due is not None:
                duty = self._promotion if verb == "due" else self._limit_review
                duty.hasten(max(0.0, due - self._registry.now()))
        elif verb == "order" and rest == self._worker:
            self._heartbeat.hasten()
        elif verb == "cancel":
            self._commands.cancel(rest)
        elif verb == "holds":
            self._processes.send("holds")
        elif verb in ("pause", "resume", "notice"):
            self._processes.send("wake")
