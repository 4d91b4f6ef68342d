"""How many waiting jobs a hold would keep from starting, before it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from asok_core.backends.roles import Progress, Reader
from asok_core.inspection.holds import Hold
from asok_core.inspection.phrases import counted
from asok_core.jobs.states import Location


class Matches(NamedTuple):
    """The waiting jobs that match a rule."""

    pending: int = 0
    delayed: int = 0

    @property
    def words(self) -> str:
        """``40 pending jobs and 2 delayed jobs``."""
        return f"{counted(self.pending, 'pending job')} and {counted(self.delayed, 'delayed job')}"


def waiting_matches(
    reader: Reader, hold: Hold, watch: Callable[[Progress], bool] | None = None
) -> Matches:
    """Read all pending jobs of its queues and all delayed jobs. ``watch`` may end that.

    A ``reader`` that hides values compares what it shows, and workers compare what was enqueued.
    """
    snapshot = reader.snapshot(rates=False, jobs=False)
    # Which release would run a job is not known before.
    rule = hold._replace(release="")
    queues = [each for each in snapshot.queues if hold.queue in ("", each.name)]
    total = sum(each.pending for each in queues) + snapshot.delayed
    lists: list[tuple[Location, str | None]] = [(Location.PENDING, each.name) for each in queues]
    scanned, found = 0, Matches()
    for location, queue in (*lists, (Location.DELAYED, None)):
        name = str(location)
        for page in reader.scan(location, queue, whole=True):
            jobs = [row.payload.job for row in page.readable().rows]
            number = sum(
                job is not None and rule.matches(job, "", snapshot.taken_at) for job in jobs
            )
            found = found._replace(**{name: getattr(found, name) + number})
            scanned += len(jobs)
            if watch and not watch(Progress(scanned, max(total, scanned), sum(found))):
                return found
    return found
