"""One job with all that is known of it, and what can be said of it wherever it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asok_core.clock import HOUR
from asok_core.inspection.audit import Activity
from asok_core.inspection.command_lines import operands
from asok_core.inspection.history import history_of, known_attempts
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.past import PastWait, of_wait
from asok_core.inspection.reason import Reason
from asok_core.inspection.release_comparison import Comparison, compared, present_change
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.inspection.task_figures import TaskHistory
from asok_core.jobs.envelope import Trust
from asok_core.jobs.states import Location

SKEW = 3.0
"""Seconds by which a clock must be ahead to be named."""
AT_ONCE = 3.0
"""Seconds for which a job that nothing holds up may wait without anything being wrong."""
_NO_WORKER = "a worker that claims it does not run it"
_LIKE_HERE = "a worker with the settings that are used here would not run it"
_NOT_RUN = {
    Trust.UNSIGNED: f"{_NO_WORKER}: it is not signed",
    Trust.MALFORMED: f"{_NO_WORKER}: its envelope cannot be read",
    # These depend on settings, and those of the workers are not known.
    Trust.BAD: f"{_LIKE_HERE}: its signature does not match SECRET_KEY",
    Trust.V1: f"{_LIKE_HERE}: it is signed in version 1, which ASOK_ENVELOPE does not accept",
    Trust.OVERSIZED: f"{_LIKE_HERE}: its envelope is larger than ASOK_MAX_ENVELOPE",
}


class JobCase:
    """One job with all that is known of it."""

    def __init__(
        self,
        detail: JobDetail,
        snapshot: Snapshot,
        activities: Sequence[Activity],
        stacks: Sequence[JobStack] = (),
        figures: TaskHistory | None = None,
    ) -> None:
        self.stacks = stacks
        self.figures = None if figures is None else figures.last(HOUR)
        """What its task did in the last hour."""
        self.detail, self.snapshot, self.activities = detail, snapshot, activities
        self.job = detail.payload.job if detail.payload else None
        self.record = detail.record
        queue = self.job.queue if self.job else None
        self.queue: str = queue or (self.record.queue if self.record else None) or "default"
        self.now = snapshot.taken_at
        self.release = present_change(snapshot.events, self.queue)
        """The newest change of the release of the workers of its queue."""
        self.comparison: Comparison | None = None
        """Its task before that and since."""
        if figures is not None and self.release is not None:
            self.comparison = compared(figures, self.release)
        self.attempts = known_attempts(detail)

    @property
    def is_new(self) -> bool:
        """Whether it began to wait just now.

        The clock of the program that enqueued it may be ahead: then it is not known since when it waits.
        """
        since = self.job.waits_since(self.now) if self.job else None
        return since is not None and abs(self.now - since) < AT_ONCE

    def not_run(self) -> Iterator[Reason]:
        """Why a worker that claims it would not run it, by its signature."""
        trust = self.detail.payload.trust if self.detail.payload else None
        if trust is Trust.UNVERIFIED:
            yield Reason(
                "signature_not_known",
                "whether its signature is valid is not known: no SECRET_KEY is set here",
            )
        if trust in _NOT_RUN:
            yield Reason("would_not_run", _NOT_RUN[trust], evidence={"signature": str(trust)})

    def crashes(self) -> Iterator[Reason]:
        """How often it was taken from a process that may have begun it."""
        if self.detail.crashes:
            times = "once" if self.detail.crashes == 1 else f"{self.detail.crashes} times"
            yield Reason(
                "crashed",
                f"its process died, or the lease of its worker expired, {times} while it may have run",
                evidence={"crashes": self.detail.crashes},
            )

    def clock(self) -> Iterator[Reason]:
        """How far the clock of a program of the framework is ahead, where its record shows that.

        Such a program writes times of its own machine. Ours write those of Redis.
        """
        written = self.record.ts if self.record is not None and self.record.foreign else None
        ahead = written - self.now if written is not None else 0.0
        if written is None or ahead < SKEW:
            return
        text = f"the clock of the program that wrote its record is {ahead:.0f} s or more ahead of Redis's"
        remedy = "set the clock of that machine (NTP)"
        if self.detail.location is Location.DELAYED:
            text += ", and it is due by that clock"
            remedy += f"; this job: asok job promote {operands(self.detail.id)}"
        yield Reason("clock_ahead", text, evidence={"record_written_at": written}, remedy=remedy)

    def past(self) -> Iterator[Reason]:
        """What happened to its queue while it last waited, as far as that is recorded."""
        wait = PastWait(self.queue, *self._last_wait())
        yield from of_wait(wait, self.activities, self.snapshot.events)

    def _last_wait(self) -> tuple[float, float]:
        for event in reversed(history_of(self.detail, self.now)):
            if event.waited is not None:
                end = event.began_at if event.began_at is not None else self.now
                # Until a retry is due, it does not wait in its queue. One may be promoted before.
                due = (self.job.due_at if self.job else None) or 0.0
                return max(end - event.waited, due if due <= end else 0.0), end
        return self.now, self.now
