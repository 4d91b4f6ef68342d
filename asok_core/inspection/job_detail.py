"""One job as a reader finds it: its record, its location, and what happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

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
    """Of a pending job: how many of its queue are claimed before it. None: not known."""
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
    complete: bool = True
    """Whether all was searched. If not, a job without a location may be where the search did not look."""

    @property
    def task(self) -> str:
        """The name of its task; '' where it is not known."""
        if self.payload is not None and self.payload.job is not None:
            return self.payload.job.task
        return (self.record.function or "") if self.record is not None else ""

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
