"""One job as a reader finds it: its record, its location, and what happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from asok_core.inspection.limits import LimitBucket
from asok_core.inspection.notes import OperatorNote
from asok_core.jobs.envelope import Payload
from asok_core.jobs.job import JobRecord
from asok_core.jobs.progress import JobProgress
from asok_core.jobs.states import Location


class Attempt(NamedTuple):
    """One run of a job that is over. ``verb`` is how: see ``settle.lua``."""

    started_at: float | None
    seconds: float | None
    verb: str
    worker: str = ""
    error: str = ""
    """The last line of what was raised, or of its cause where a task asked for a retry."""
    note: str = ""
    """Why it was retried or not, where the number of retries alone does not say it."""
    waited: float | None = None
    """Of the first: seconds from when it was enqueued or due, where its worker wrote them."""


class Move(NamedTuple):
    """Something that happened to a job besides its attempts. ``verb``: see ``moves.lua``.

    ``detail`` is what the verb needs: a queue, an operation, the changes of an edit.
    """

    at: float | None
    verb: str
    by: str = ""
    detail: str = ""


MISSING = "none: a worker of the asok framework runs it, which keeps no such list, or it is lost"
"""Where a job is that has not ended and is in no location."""

TOO_LONG = "the search took too long"
MOVED = "jobs that were enqueued or moved meanwhile may be missing"
NO_RIGHT = "there is no right to scan the keys of records"
NO_AUDIT = "the audit, which names what is in the trash, cannot be read"
NOT_ALL_HELD = "not all jobs that workers hold were looked at"
NOT_ALL_LISTS = "not all lists of queues and workers were looked for"
"""What may be missing of what was looked for, and why."""


def earlier_trash(operations: int) -> str:
    """The same where only the trash of this number of newest operations was searched."""
    return f"the trash of operations before the last {operations:,} was not searched"


class JobDetail(NamedTuple):
    """All that Redis knows of one job. ``location`` is None when only the record is left."""

    id: str
    record: JobRecord | None
    location: Location | None = None
    payload: Payload | None = None
    due_at: float | None = None
    worker: str | None = None
    process: str = ""
    """The process that holds it, as ``WORKER.NUMBER``."""
    position: int | None = None
    """Of a pending job: how many of its queue are claimed before it. None: not known.

    Of a held one: how many of its queue its hold returns before it."""
    hold: str = ""
    """The hold that keeps a held job from starting, or the bucket of the limit that it waits for."""
    bucket: LimitBucket | None = None
    """That bucket."""
    crashes: int = 0
    attempts: tuple[Attempt, ...] = ()
    """The last ten, oldest first; none of a job that succeeded at once, whose record holds everything."""
    reports: Mapping[float, JobProgress] = MappingProxyType({})
    """What attempts reported of their progress last, by their start."""
    moves: tuple[Move, ...] = ()
    """What operators and dead processes did to it, oldest first: the last twenty."""
    operation: str = ""
    """The operation whose trash holds it."""
    note: OperatorNote | None = None
    """What an operator wrote on it."""
    read_at: float = 0.0
    """When this was read, by Redis's clock."""
    gaps: tuple[str, ...] = ()
    """Of a job that was not found: where it may be, since not all was searched."""

    @property
    def task(self) -> str:
        """The name of its task; '' where it is not known."""
        if self.payload is not None and self.payload.job is not None:
            return self.payload.job.task
        return (self.record.function or "") if self.record is not None else ""

    @property
    def complete(self) -> bool:
        """Whether all was searched. If not, a job without a location may be where that did not look."""
        return not self.gaps

    @property
    def is_unknown(self) -> bool:
        """Whether nothing was found of it."""
        return self.record is None and self.payload is None

    @property
    def has_ended(self) -> bool:
        """Whether its record says that it has ended."""
        return self.record is not None and self.record.finished

    @property
    def missing(self) -> bool:
        """Whether its record says that it has not ended, and it is in no location."""
        if self.location is not None or self.record is None:
            return False
        return self.complete and not self.has_ended
