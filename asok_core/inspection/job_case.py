"""One job with all that is known of it, and what can be said of it wherever it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asok_core.inspection import reasons
from asok_core.inspection.audit import Activity
from asok_core.inspection.history import history_of, known_attempts
from asok_core.inspection.reasons import Reason
from asok_core.inspection.snapshot import JobDetail, Snapshot
from asok_core.jobs.envelope import Trust

_NOT_RUN = {
    Trust.UNSIGNED: "it is not signed",
    Trust.BAD: "its signature does not match the SECRET_KEY that is used here",
    Trust.V1: "it is signed in version 1, which ASOK_ENVELOPE does not accept here",
    Trust.MALFORMED: "its envelope cannot be read",
    Trust.OVERSIZED: "its envelope is larger than ASOK_MAX_ENVELOPE",
}


class Case:
    """One job with all that is known of it."""

    def __init__(
        self, detail: JobDetail, snapshot: Snapshot, activities: Sequence[Activity]
    ) -> None:
        self.detail, self.snapshot, self.activities = detail, snapshot, activities
        self.job = detail.payload.job if detail.payload else None
        self.record = detail.record
        queue = self.job.queue if self.job else None
        self.queue: str = queue or (self.record.queue if self.record else None) or "default"
        self.now = snapshot.taken_at
        self.attempts = known_attempts(detail)

    def not_run(self) -> Iterator[Reason]:
        """Why a worker that claims it would not run it, by its signature."""
        trust = self.detail.payload.trust if self.detail.payload else None
        if trust not in _NOT_RUN:
            return
        yield Reason(
            "would_not_run", f"a worker that claims it would not run it: {_NOT_RUN[trust]}",
            evidence={"signature": str(trust)},
        )  # fmt: skip

    def crashes(self) -> Iterator[Reason]:
        """Processes that died while they ran it."""
        if self.detail.crashes:
            times = "once" if self.detail.crashes == 1 else f"{self.detail.crashes} times"
            yield Reason(
                "crashed",
                f"a process died {times} while running it",
                evidence={"crashes": self.detail.crashes},
            )

    def earlier_pauses(self) -> Iterator[Reason]:
        """The pauses of its queue, over by now, that fell into the time for which it last waited."""
        begin, end = self._last_wait()
        for pause, resume in reasons.past_pauses(self.queue, self.activities):
            if pause.at is None or resume.at is None or resume.at <= begin or pause.at >= end:
                continue
            yield Reason(
                "was_paused", "its queue was paused while it waited", pause.at,
                {"by": pause.who, "resumed_at": resume.at, "resumed_by": resume.who,
                 "waited_s": end - begin},
            )  # fmt: skip

    def _last_wait(self) -> tuple[float, float]:
        for event in reversed(history_of(self.detail, self.now)):
            if event.waited is not None:
                end = event.at if event.at is not None else self.now
                return end - event.waited, end
        return self.now, self.now
