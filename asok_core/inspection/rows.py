"""Windows of the lists of jobs, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from asok_core.errors import Refused
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.envelope import Payload
from asok_core.jobs.job import JobRecord
from asok_core.jobs.progress import JobProgress
from asok_core.jobs.states import Location


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a windowed list. ``position`` counts from 0 in the order the list is shown.

    ``at`` is when it is due (delayed), or when it finished or started (jobs); dead jobs have
    ``payload.failed_at``. ``record`` is there when the page was asked for with records.
    """

    position: int
    payload: Payload
    location: Location
    queue: str
    at: float | None = None
    record: JobRecord | None = None
    worker: str = ""
    """The process that holds it, where it is known beside the record."""
    progress: JobProgress | None = None
    """What a running job reported last, where that was read."""
    release: str = ""
    """That of the worker that holds it, where it is known beside the record."""
    no_heartbeat_for: float | None = None
    """Seconds since the last heartbeat of the worker that holds it, where that is too long ago.

    Whether the job still runs is not known then."""
    noted: bool = False
    """Whether an operator wrote a note on it; set where the rows are listed."""

    @property
    def ran_on(self) -> str:
        """The worker whose process holds it or ran it last; '' where that is not known."""
        process = self.worker or (self.record.worker if self.record else None) or ""
        return process.rpartition(".")[0] or process

    @property
    def ran_release(self) -> str:
        """The release of the application that runs it or ran it last; '' where that is not known."""
        return self.release or (self.record.release if self.record else None) or ""

    @property
    def partial(self) -> bool:
        """Whether the element is large and ``payload`` has neither its arguments nor its traceback."""
        return self.payload.size is not None

    @property
    def key(self) -> str:
        """What cursor, marks and operations identify it by: the job id, else the digest of all bytes."""
        return self.payload.id or self.payload.sum or digest(self.payload.raw)


class Page(NamedTuple):
    """A window of a list: ``rows`` from ``start``, out of ``total`` at that moment."""

    start: int
    total: int
    rows: tuple[Row, ...] = ()
    problem: str = ""
    """Why there are none although there may be jobs: the key is of another type."""
    missed: bool = False
    """Of a walk: whether jobs may have been missed, since they left the list before they were read."""

    def readable(self) -> Page:
        """The page itself. Raises Refused where it could not be read, which is not the same as empty."""
        if self.problem:
            raise Refused(self.problem)
        return self


def running_rows(snapshot: Snapshot) -> tuple[Row, ...]:
    """Rows of what workers hold, the longest running first, what has not begun last."""
    known = snapshot.knows_workers
    held = [
        (job, worker.release, worker.no_heartbeat_for(snapshot.taken_at) if known else None)
        for worker in snapshot.workers
        for job in worker.jobs
    ]
    held.sort(key=lambda each: (each[0].started_at is None, each[0].started_at or 0.0))
    return tuple(
        Row(
            position=at,
            payload=job.payload,
            location=Location.ACTIVE,
            queue=job.queue,
            at=job.started_at,
            worker=job.process,
            release=release,
            no_heartbeat_for=without,
        )
        for at, (job, release, without) in enumerate(held)
    )


def digest(raw: bytes) -> str:
    """A short, stable name for bytes that have no job id."""
    import hashlib

    # Redis's scripts can compute it as well.
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
