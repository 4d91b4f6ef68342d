"""The shape of a worker: how many threads its processes have, and which queues it serves."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.settings.kinds import QUEUES, THREADS

LONGEST_ORDER = 32_768
"""Bytes of the queues that an order names."""
CONFIGURED = "-"
"""In an order to a worker: the configured value again."""


class WorkerShape(NamedTuple):
    """``concurrency`` is threads a process, as of the setting."""

    concurrency: int
    queues: tuple[str, ...]

    @property
    def words(self) -> str:
        """For the log, the events and the audit."""
        return f"concurrency {self.concurrency}, queues {','.join(self.queues)}"


def concurrency_in(text: str) -> int | None:
    """The threads a process that an order in Redis states, by the rule of the setting; None: invalid."""
    try:
        return THREADS.parse(text)
    except ValueError:
        return None


def queues_in(text: str) -> tuple[str, ...]:
    """The queues that an order in Redis states, by the rule of the setting; none: invalid."""
    if len(text.encode("utf-8", "surrogateescape")) > LONGEST_ORDER:
        return ()
    try:
        return QUEUES.parse(text)
    except ValueError:
        return ()
