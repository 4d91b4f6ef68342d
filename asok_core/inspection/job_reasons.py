"""Why a job is where it is: what it waits for, what it does, or how it ended.

Everything is derived from what Redis holds of the job, from one snapshot and from the audit. What these do
not show is reported as not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote
from typing import NamedTuple

from asok_core.inspection import reasons
from asok_core.inspection.audit import Activity
from asok_core.inspection.history import history_of, known_attempts
from asok_core.inspection.reasons import Reason
from asok_core.inspection.snapshot import JobDetail, QueueStats, Snapshot, WorkerInfo
from asok_core.inspection.tracebacks import last_line
from asok_core.jobs.envelope import Trust
from asok_core.jobs.states import Location, Status

LATE = 3.0
"""Seconds after its due time from which a delayed job is late: workers promote every second."""
AT_ONCE = 3.0
"""Seconds for which a job that nothing holds up may wait without anything being wrong."""
FEW = 20
"""Finished attempts in five minutes below which a pace is only a guess."""

_TAKES_TURNS = ("slots_busy", "earlier_queues")
"""Reasons for which a job that is the next of its queue still waits."""

_NOT_RUN = {
    Trust.UNSIGNED: "it is not signed",
    Trust.BAD: "its signature does not match the SECRET_KEY that is used here",
    Trust.V1: "it is signed in version 1, which ASOK_ENVELOPE does not accept here",
    Trust.MALFORMED: "its envelope cannot be read",
    Trust.OVERSIZED: "its envelope is larger than ASOK_MAX_ENVELOPE",
}


class Estimate(NamedTuple):
    """When a pending job starts: between so many seconds from now, at the pace of the last minutes."""

    earliest: float
    latest: float
    finished: int
    """Attempts of its queue that finished in the last five minutes, from which the pace is known."""

    @property
    def rough(self) -> bool:
        """Whether it rests on few attempts, or on a pace that changed much."""
        return self.finished < FEW or self.latest > 2 * self.earliest


class Explanation(NamedTuple):
    """Why something is as it is. ``state`` is a phrase; ``reasons`` are ranked, the first counts most."""

    state: str
    reasons: tuple[Reason, ...]
    estimate: Estimate | None = None


def explain_job(
    detail: JobDetail, snapshot: Snapshot, activities: Sequence[Activity]
) -> Explanation:
    """Why a job is where it is. ``activities``: the newest entries of the audit, newest first."""
    case = _Case(detail, snapshot, activities)
    if detail.location is Location.PENDING:
        found = reasons.ranked(case.pending())
        return Explanation(f"pending in queue {case.queue!r}", found, case.estimate(found))
    if detail.location is Location.DELAYED:
        return Explanation(case.delayed_state, reasons.ranked(case.delayed()))
    if detail.location is Location.ACTIVE:
        begun = detail.record is not None and detail.record.started_at is not None
        state = "running" if begun and case.is_running else "claimed, not begun"
        return Explanation(state, tuple(case.active()))
    return Explanation(case.ended_state, tuple(case.ended()))


def explain_unknown(namespace: str, database: str) -> Explanation:
    """Why nothing is found of an id: what that can mean, since nothing is known of it."""
    reason = Reason(
        "not_found", "no record and no envelope of it is in Redis",
        evidence={"namespace": namespace, "redis": database},
        remedy="check the id, the namespace (ASOK_NAMESPACE) and the database in the URL; "
        "records of ended jobs expire (after 24 hours by default)",
    )  # fmt: skip
    return Explanation("not known", (reason,))


class _Case:
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

    # Waiting.

    def pending(self) -> Iterator[Reason]:
        """What a job in its queue waits for."""
        held_up = list(reasons.of_queue(self.queue, self.snapshot, self.activities))
        yield from held_up
        ahead = self.detail.position
        if ahead:
            text = "1 job is" if ahead == 1 else f"{ahead:,} jobs are"
            yield Reason(
                "jobs_ahead",
                f"{text} ahead of it in queue {self.queue!r}",
                evidence={"jobs": ahead},
            )
        elif ahead is None:
            yield Reason("position_not_known", "its position in the queue is not known")
        if (untrusted := self._not_run()) is not None:
            yield untrusted
        yield from self._earlier_pauses()
        if ahead == 0 and not any(each.blocking or each.code in _TAKES_TURNS for each in held_up):
            yield self._next()

    def _next(self) -> Reason:
        since = self.job.waits_since(self.now) if self.job else None
        if since is not None and self.now - since < AT_ONCE:
            return Reason(
                "next", f"it is the next job of queue {self.queue!r}: a worker is about to claim it"
            )
        return Reason(
            "not_known", "it is the next job of its queue, a worker that serves it has a free slot, "
            "and why it is not claimed is not known",
            remedy="look at the log of the worker",
        )  # fmt: skip

    def _not_run(self) -> Reason | None:
        trust = self.detail.payload.trust if self.detail.payload else None
        if trust not in _NOT_RUN:
            return None
        return Reason(
            "would_not_run", f"a worker that claims it would not run it: {_NOT_RUN[trust]}",
            evidence={"signature": str(trust)},
        )  # fmt: skip

    def estimate(self, found: Sequence[Reason]) -> Estimate | None:
        """When it starts, if the pace of its queue is known and nothing blocks it."""
        stats, ahead = reasons.queue_of(self.queue, self.snapshot), self.detail.position
        codes = {reason.code for reason in found}
        if stats is None or ahead is None or any(reason.blocking for reason in found):
            return None
        if codes & {"earlier_queues", "would_not_run", "not_known"}:
            return None
        return _estimate(stats, ahead)

    # Until it is due.

    @property
    def delayed_state(self) -> str:
        """What it waits for."""
        if self.record is not None and self.record.status == Status.RETRYING:
            return "waiting for its next attempt"
        return "scheduled"

    def delayed(self) -> Iterator[Reason]:
        """Why it is delayed, and what holds it up where it is due already."""
        due = self.detail.due_at
        if due is not None and self.now - due > LATE:
            yield from self._late(due)
        yield self._why_delayed(due)
        if due is not None and due > self.now:
            for reason in reasons.of_queue(self.queue, self.snapshot, self.activities):
                # It does not hold the job up yet: before the due time nothing else counts.
                if reason.blocking:
                    text = f"when it is due: {reason.text}"
                    yield Reason(reason.code, text, reason.since, reason.evidence, reason.remedy)
        if (untrusted := self._not_run()) is not None:
            yield untrusted

    def _late(self, due: float) -> Iterator[Reason]:
        yield from reasons.of_server(self.snapshot.server)
        live = [each for each in self.snapshot.workers if (each.lease_until or 0) > self.now]
        evidence: dict[str, str | int | float] = {"due_at": due, "overdue": self.snapshot.due}
        if not live:
            yield Reason(
                "promotion_late", "it is due, and no worker runs that would put it into its queue",
                due, evidence, "asok worker", blocking=True,
            )  # fmt: skip
        else:
            yield Reason(
                "promotion_late", "it is due, and no worker has put it into its queue yet",
                due, {**evidence, "live_workers": len(live)},
                f"asok job promote {quote(self.detail.id)}", blocking=True,
            )  # fmt: skip

    def _why_delayed(self, due: float | None) -> Reason:
        evidence: dict[str, str | int | float] = {} if due is None else {"due_at": due}
        last = self.attempts[-1] if self.attempts else None
        if last is not None and last.verb == "postpone":
            return Reason(
                "postponed",
                f"a worker postponed it, which costs no retry: {last.error or 'why is not known'}",
                last.started_at, evidence,
            )  # fmt: skip
        spent = (
            self.job.retry_count if self.job else (self.record.retry_count if self.record else None)
        )
        if spent:
            error = (last.error if last else "") or last_line(
                self.record.error if self.record else None
            )
            total = self.job.attempts if self.job else None
            of = f" of {total}" if total else ""
            return Reason(
                "retry", f"attempt {spent}{of} failed: {error or 'with which error is not known'}",
                last.started_at if last else None, {**evidence, "next_attempt": spent + 1},
                f"asok job promote {quote(self.detail.id)}",
            )  # fmt: skip
        return Reason(
            "delayed_by_caller",
            "it was enqueued to run later",
            None,
            evidence,
            f"asok job promote {quote(self.detail.id)}",
        )

    # With a worker.

    def _worker(self) -> WorkerInfo | None:
        return next((w for w in self.snapshot.workers if w.id == self.detail.worker), None)

    @property
    def is_running(self) -> bool:
        """Whether its record says that a process runs it."""
        return self.record is not None and self.record.status == Status.RUNNING

    def active(self) -> Iterator[Reason]:
        """What a job does that a worker holds."""
        worker = self._worker()
        held_by = self.detail.worker or "not known"
        if worker is None or (worker.lease_until or 0) <= self.now:
            live = any((each.lease_until or 0) > self.now for each in self.snapshot.workers)
            evidence: dict[str, str | int | float] = {"worker": held_by}
            if worker is not None and worker.beat_at is not None:
                evidence["last_heartbeat_at"] = worker.beat_at
            then = (
                "the next live worker puts it back"
                if live
                else "no live worker runs that would put it back"
            )
            yield Reason(
                "worker_lost", f"worker {held_by}, which holds it, sends no heartbeat; {then}",
                worker.lease_until if worker else None, evidence,
                "" if live else "asok worker", blocking=True,
            )  # fmt: skip
            return
        if self.is_running:
            yield self._running()
        else:
            yield Reason(
                "claimed", f"worker {held_by} has claimed it, and every slot of its process is busy",
                evidence={"slots": worker.slots, "running": worker.running}, blocking=True,
            )  # fmt: skip
        if worker.trouble:
            yield Reason("worker_in_trouble", f"worker {worker.id} is {worker.trouble}")
        yield from self._crashes()
        yield from self._earlier_pauses()

    def _running(self) -> Reason:
        record, stats = self.record, reasons.queue_of(self.queue, self.snapshot)
        process = (record.worker if record else None) or self.detail.worker or "not known"
        evidence: dict[str, str | int | float] = {"process": process}
        text, since = f"process {process} runs it", record.started_at if record else None
        ran = self.now - since if since is not None else None
        if ran is not None:
            evidence["ran_s"] = max(0.0, ran)
        if stats is not None and stats.run_p95_ms is not None:
            evidence["p95_of_queue_s"] = stats.run_p95_ms / 1000
            if ran is not None and ran > stats.run_p95_ms / 1000:
                text += ", longer than 95 % of the jobs of its queue in the last five minutes"
        limit = self.job.timeout if self.job else None
        if limit is not None:
            evidence["timeout_s"] = limit
        return Reason("running", text, since, evidence)

    def _crashes(self) -> Iterator[Reason]:
        if self.detail.crashes:
            times = "once" if self.detail.crashes == 1 else f"{self.detail.crashes} times"
            yield Reason(
                "crashed",
                f"a process died {times} while running it",
                evidence={"crashes": self.detail.crashes},
            )

    def _earlier_pauses(self) -> Iterator[Reason]:
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

    # Ended.

    @property
    def ended_state(self) -> str:
        """How it ended, as far as that is known."""
        if self.detail.location is Location.DEAD:
            return "failed (a dead job)"
        if self.detail.location is Location.TRASH:
            return "in the trash"
        if self.detail.missing or self.record is None:
            return "not known"
        return (
            str(self.record.status) if self.record.finished else f"{self.record.status}, not found"
        )

    def ended(self) -> Iterator[Reason]:
        """How it ended, who removed it, and whether it can be restored."""
        detail, record = self.detail, self.record
        if detail.location is Location.TRASH:
            yield self._in_trash()
        if detail.location is Location.DEAD:
            yield self._dead()
        elif record is not None and record.finished:
            yield self._finished(record.status)
        elif detail.missing:
            yield Reason(
                "lost", "its record says that it has not ended, and it is in no location: a worker of the "
                "asok framework runs it, or it is lost",
                record.started_at if record else None,
                {"record": str(record.status) if record else "none"},
                f"asok job cancel {quote(detail.id)} (if no worker of the framework runs)",
            )  # fmt: skip
        elif detail.location is None:
            yield Reason(
                "not_searched", "its location is not known: the search took too long",
                evidence={"record": str(record.status) if record else "none"},
            )  # fmt: skip
        yield from self._crashes()
        yield from self._earlier_pauses()

    def _dead(self) -> Reason:
        payload = self.detail.payload
        error = last_line(payload.error) if payload else ""
        evidence: dict[str, str | int | float] = {}
        if self.job is not None:
            evidence["attempts"] = self.job.attempt
            evidence["attempts_allowed"] = self.job.attempts
        spent = self.job is not None and self.job.attempt >= self.job.attempts
        text = "its last attempt failed" if spent else "it failed for good"
        return Reason(
            "dead", f"{text}: {error or 'with which error is not known'}",
            payload.failed_at if payload else None, evidence,
            f"asok dlq requeue --id {quote(self.detail.id)}",
        )  # fmt: skip

    def _finished(self, status: Status | str) -> Reason:
        record = self.record
        at = record.finished_at if record else None
        if status == Status.COMPLETED:
            return Reason("completed", "it completed", at)
        if status == Status.CANCELLED:
            removed = next(
                (m for m in reversed(self.detail.moves) if m.verb in ("cancel", "purge")), None
            )
            by = removed.by if removed and removed.by else "not known"
            return Reason(
                "cancelled", "it was cancelled", removed.at if removed else at, {"by": by}
            )
        error = (record.error_line or last_line(record.error)) if record else ""
        return Reason("failed", f"it failed: {error or 'with which error is not known'}", at)

    def _in_trash(self) -> Reason:
        entry = next((a for a in self.activities if a.operation == self.detail.operation), None)
        if entry is None:
            return Reason(
                "in_trash", "an operation moved it to the trash; its author is not known",
                evidence={"operation": self.detail.operation},
                remedy=f"asok trash restore {self.detail.operation}",
            )  # fmt: skip
        evidence: dict[str, str | int | float] = {"by": entry.who, "operation": entry.operation}
        if entry.trash_until is not None:
            evidence["restorable_until_at"] = entry.trash_until
        return Reason(
            "in_trash", f"the operation {entry.action!r} moved it to the trash", entry.at, evidence,
            f"asok trash restore {entry.operation}",
        )  # fmt: skip


def _estimate(stats: QueueStats, ahead: int) -> Estimate | None:
    recent = sum(bucket.completed + bucket.failed for bucket in stats.recent)
    span = sum(bucket.width for bucket in stats.recent)
    paces = [stats.completed_per_s + stats.failed_per_s, recent / span if span else 0.0]
    known = [pace for pace in paces if pace > 0]
    if not known:
        return None
    return Estimate(ahead / max(known), (ahead + 1) / min(known), recent)
