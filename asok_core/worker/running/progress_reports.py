"""What running jobs report of their progress, until a cycle writes it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from asok_core.backends.redis.calls.cycle import ReportedProgress
from asok_core.backends.redis.consuming.outcomes import stamp
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.progress import as_kept, checked, encoded
from asok_core.worker.running.claimed_job import ClaimedJob

INTERVAL = 1.0
"""Seconds between two writes of the progress of jobs that run, for the whole process."""


class ProgressReports:
    """The last report of each job: threads of tasks ``report``, the thread of the dispatcher takes them.

    A report makes no request to Redis and takes no lock. All reports that are due are written with one
    cycle; the last report of a job that ends is written with its outcome. ``ring`` ends the sleep of the
    dispatcher.
    """

    def __init__(self, now: Callable[[], float], redaction: Redaction) -> None:
        self.ring: Callable[[], object] = lambda: None
        self._now = now
        self._redaction = redaction
        self._waiting: deque[ClaimedJob] = deque()
        self._due_at = 0.0

    def report(self, claimed: ClaimedJob, done: object, total: object, note: object) -> None:
        """Take a report. Raises TypeError or ValueError."""
        claimed.progress = checked(done, total, note, self._now())
        # The mark is read after the report is set, and `take` clears it before it reads: none is missed.
        if not claimed.progress_waits:
            claimed.progress_waits = True
            first = not self._waiting
            self._waiting.append(claimed)
            if first:
                self.ring()

    @property
    def wait(self) -> float:
        """Seconds until there is something to write; infinite where nothing is reported."""
        return max(0.0, self._due_at - time.monotonic()) if self._waiting else math.inf

    def take(self, ending: Iterable[ClaimedJob]) -> list[ClaimedJob]:
        """Jobs whose reports are to be written now: all where it is time, else those that are ending."""
        taken = [claimed for claimed in ending if _taken(claimed)]
        if self.wait <= 0:
            self._due_at = time.monotonic() + INTERVAL
            for _ in range(len(self._waiting)):
                claimed = self._waiting.popleft()
                if _taken(claimed):
                    taken.append(claimed)
        return taken

    def keep(self, taken: Iterable[ClaimedJob]) -> None:
        """Keep reports that could not be written."""
        for claimed in taken:
            claimed.progress_waits = True
            self._waiting.append(claimed)

    def rows(self, taken: Iterable[ClaimedJob]) -> list[ReportedProgress]:
        """The reports as the script takes them."""
        return [self._row(claimed) for claimed in taken]

    def _row(self, claimed: ClaimedJob) -> ReportedProgress:
        job, progress = claimed.opened, claimed.progress
        assert progress is not None, "it was reported"
        progress = as_kept(progress, partial(self._redaction.text, job=job))
        started = stamp(claimed.started_at or 0.0)
        return ReportedProgress(
            queue=claimed.claim.queue,
            # Once its record says that this attempt runs, that is enough: an envelope may be large.
            envelope=b"" if claimed.noted else claimed.claim.envelope,
            id=job.id,
            started_at=started,
            line=encoded(started, progress),
        )


def _taken(claimed: ClaimedJob) -> bool:
    waits, claimed.progress_waits = claimed.progress_waits, False
    return waits
