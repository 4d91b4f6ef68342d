"""What changed beside jobs: workers, processes, queues, releases and the Redis server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from asok_core.errors import Refused


class EventKind(StrEnum):
    """The kinds of events. The names are stable: programs may depend on them."""

    WORKER_STARTED = "worker_started"
    WORKER_STOPPED = "worker_stopped"
    WORKER_LOST = "worker_lost"
    """Its lease is over, and another worker recovers it."""
    WORKER_RECOVERED = "worker_recovered"
    """All that a lost worker held is back in the queues, or a dead job."""
    WORKER_RETURNED = "worker_returned"
    """A worker that was lost has a lease again."""
    WORKER_RESHAPED = "worker_reshaped"
    """All its processes have the concurrency and the queues that were ordered."""
    PROCESS_CRASHED = "process_crashed"
    PROCESS_ENDED = "process_ended"
    """Its supervisor ended it: for jobs that did not stop in time, or as it hung."""
    RELEASE_CHANGED = "release_changed"
    """A worker has started on another release than the one of its queues that started before it."""
    QUEUE_PAUSED = "queue_paused"
    QUEUE_RESUMED = "queue_resumed"
    HOLD_ADDED = "hold_added"
    HOLD_ENDED = "hold_ended"
    """A hold matches no more jobs: an operator released or removed it, or its end has come."""
    LIMIT_SET = "limit_set"
    """An operator has set a limit, or replaced one."""
    LIMIT_RESET = "limit_reset"
    REDIS_RESTARTED = "redis_restarted"
    REDIS_FAILED_OVER = "redis_failed_over"
    WARNING_RAISED = "warning_raised"
    WARNING_CLEARED = "warning_cleared"


BAD = frozenset(
    {
        EventKind.WORKER_LOST,
        EventKind.PROCESS_CRASHED,
        EventKind.PROCESS_ENDED,
        EventKind.REDIS_RESTARTED,
        EventKind.REDIS_FAILED_OVER,
        EventKind.WARNING_RAISED,
    }
)
"""Kinds that are trouble, or may have caused some."""


@dataclass(frozen=True, slots=True)
class SystemEvent:
    """One event. ``at`` is epoch seconds of the Redis server's clock; None where it is not readable.

    ``kind`` may be one that this version does not know. ``fields`` are texts as they were written.
    """

    id: str
    at: float | None
    kind: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_bad(self) -> bool:
        """Whether it is trouble, or may have caused some."""
        return self.kind in BAD

    @property
    def subject(self) -> str:
        """The queue, process, worker, hold or limit that it is about; '' for Redis itself."""
        return (
            self.fields.get("queue")
            or self.fields.get("process")
            or self.fields.get("worker")
            or self.fields.get("hold")
            or self.fields.get("limit", "")
        )


class Events(tuple[SystemEvent, ...]):  # noqa: SLOT001 - a tuple takes no slots
    """Events, newest first."""

    problem: str = ""
    """Why there are none although there may be: the key is of another type."""
    is_read: bool = True
    """Whether they could be read: the user may have no right to."""
    read_at: float = 0.0
    """When they were read, by Redis's clock."""

    def readable(self) -> Self:
        """The same. Raises Refused where the events could not be read, which is not the same as none."""
        if self.problem:
            raise Refused(self.problem)
        return self
