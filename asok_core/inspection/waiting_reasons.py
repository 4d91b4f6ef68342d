"""Why a job waits: in its queue, or until it is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asok_core.errors import BadSignature
from asok_core.inspection import hold_reasons, reasons, worker_reasons
from asok_core.inspection.command_lines import operands
from asok_core.inspection.job_case import JobCase
from asok_core.inspection.job_events import AttemptVerb
from asok_core.inspection.phrases import be, counted
from asok_core.inspection.reason import Reason
from asok_core.inspection.server_reasons import of_server
from asok_core.inspection.tracebacks import last_line
from asok_core.inspection.workers import releases
from asok_core.jobs.states import Status

LATE = 3.0
"""Seconds after its due time from which a delayed job is late: workers promote every second."""

_TAKES_TURNS = ("slots_busy", "earlier_queues")
"""Reasons for which a job that is the next of its queue still waits."""


def pending(case: JobCase) -> Iterator[Reason]:
    """What a job in its queue waits for."""
    yield from hold_reasons.to_come(case)
    held_up = list(reasons.of_queue(case.queue, case.snapshot, case.activities))
    yield from held_up
    ahead = case.detail.position
    if ahead:
        text = f"{counted(ahead, 'job')} {be(ahead)}"
        yield Reason(
            "jobs_ahead",
            f"{text} ahead of it in queue {case.queue!r}",
            evidence={"jobs": ahead},
        )
    elif ahead is None:
        yield Reason("position_not_known", "its position in the queue is not known")
    yield from case.not_run()
    yield from case.clock()
    yield from _releases(case)
    yield from case.past()
    waits = any(each.blocking or each.code in _TAKES_TURNS for each in held_up)
    if ahead == 0 and not waits and reasons.responsive(case.queue, case.snapshot):
        yield _next(case)


def _next(case: JobCase) -> Reason:
    if case.is_new:
        return Reason(
            "next", f"it is the next job of queue {case.queue!r}: a worker is about to claim it"
        )
    return Reason(
        "not_known", "it is the next job of its queue, a worker that serves it has a free slot, "
        "and why it is not claimed is not known",
        remedy="look at the log of the worker",
    )  # fmt: skip


def delayed_state(case: JobCase) -> str:
    """What it waits for."""
    retrying = case.record is not None and case.record.status == Status.RETRYING
    if retrying or (case.job is not None and (case.job.retry_count or case.job.postponements)):
        return "waiting for its next attempt"
    return "scheduled"


def delayed(case: JobCase) -> Iterator[Reason]:
    """Why it is delayed, and what holds it up where it is due already."""
    due = case.detail.due_at
    if not case.snapshot.knows_workers:
        # Neither how the workers are nor whether it still waits.
        yield from of_server(case.snapshot)
        yield _why_delayed(case, due)
        return
    if due is not None and case.now - due > LATE:
        yield from _late(case, due)
    yield from case.clock()
    yield _why_delayed(case, due)
    if due is not None and due > case.now:
        for reason in reasons.of_queue(case.queue, case.snapshot, case.activities):
            # It does not hold the job up yet: before the due time nothing else counts.
            if reason.blocking:
                text = f"when it is due: {reason.text}"
                yield Reason(reason.code, text, reason.since, reason.evidence, reason.remedy)
    yield from case.not_run()
    yield from _releases(case)


def _releases(case: JobCase) -> Iterator[Reason]:
    """That its next attempt may run on another release than the last, where workers run several."""
    # A worker that postpones a job for its signature has not run it, but still writes its release.
    ran = case.record is not None and case.record.started_at is not None
    last = case.record.release if case.record is not None and ran else None
    found = releases(reasons.claiming(case.queue, case.snapshot))
    if last is None or len(found) < 2:
        return
    run = ", ".join(f"{name or 'not known'} ({number})" for name, number in found.items())
    yield Reason(
        "releases_differ", f"its last attempt ran on release {last}, and the workers of queue "
        f"{case.queue!r} run several: {run}; which runs the next is not known",
        evidence={"release_of_last_attempt": last},
    )  # fmt: skip


def _late(case: JobCase, due: float) -> Iterator[Reason]:
    yield from of_server(case.snapshot)
    live = case.snapshot.has_live_worker
    evidence: dict[str, str | int | float] = {"due_at": due, "overdue": case.snapshot.due}
    if live is False:
        yield Reason(
            "promotion_late", "it is due, and no registered worker runs that would put it into its queue",
            due, evidence, "asok worker", blocking=True,
        )  # fmt: skip
    else:
        yield Reason(
            "promotion_late", "it is due, and no worker has put it into its queue yet",
            due, {**evidence, "live_workers": len(case.snapshot.live_workers)},
            f"asok job promote {operands(case.detail.id)}", blocking=not case.snapshot.refuses_heartbeats,
        )  # fmt: skip
        # Any of them promotes it: while one sends heartbeats the others are not a reason.
        if live is None:
            yield from map(worker_reasons.no_heartbeat, case.snapshot.live_workers)
            if case.snapshot.workers_unread:
                yield worker_reasons.worker_not_read("not all workers were read", case.snapshot)


def _remedy_of(error: str) -> str:
    """What lets a job run that a worker postponed with an error."""
    if error.startswith(f"{BadSignature.__name__}:"):
        return "give the worker the SECRET_KEY of the program that enqueued the job"
    return "" if error else "the log of the worker states why"


def _not_run(case: JobCase) -> bool:
    """Whether a worker postponed it without a start, as for its signature: only its record says so."""
    record = case.record
    return (
        record is not None
        and record.status == Status.RETRYING
        and record.started_at is None
        and not record.foreign
        and not record.later_attempt
    )


def _postponed(case: JobCase, evidence: Mapping[str, str | int | float]) -> Reason:
    error = last_line(case.record.error if case.record else None)
    # Without its record it is not known whether a worker could not run it or its task requested that.
    who = "a worker postponed it" if case.record is not None else "it was postponed"
    return Reason(
        "postponed", f"{who}, which costs no retry: {error or 'why is not known'}",
        None, evidence, _remedy_of(error),
    )  # fmt: skip


def _why_delayed(case: JobCase, due: float | None) -> Reason:
    evidence: dict[str, str | int | float] = {} if due is None else {"due_at": due}
    # The attempt that failed last is not among them where a worker of the framework made it.
    later = case.record is not None and case.record.later_attempt
    last = case.attempts[-1] if case.attempts and not later else None
    if _not_run(case):
        return _postponed(case, evidence)
    if last is not None and last.verb == AttemptVerb.POSTPONE:
        if case.job is not None and case.job.postponements:
            evidence["uncounted_retries"] = case.job.postponements
        by = last.note or "a worker postponed it, which costs no retry"
        return Reason(
            "postponed", f"{by}: {last.error or 'why is not known'}",
            last.started_at, evidence, _remedy_of(last.error),
        )  # fmt: skip
    retrying = case.record is not None and case.record.status == Status.RETRYING
    postponed = case.job is not None and bool(case.job.postponements)
    if (retrying or postponed) and case.job is not None and not case.job.retry_count:
        return _postponed(case, evidence)
    spent = case.job.retry_count if case.job else (case.record.retry_count if case.record else None)
    if spent:
        error = (last.error if last else "") or last_line(
            case.record.error if case.record else None
        )
        total = case.job.attempts if case.job else None
        of = f" of {total}" if total else ""
        why = f" ({last.note})" if last is not None and last.note else ""
        return Reason(
            "retry", f"attempt {spent}{of} failed{why}: {error or 'with which error is not known'}",
            last.started_at if last else None, {**evidence, "next_attempt": spent + 1},
            f"asok job promote {operands(case.detail.id)}",
        )  # fmt: skip
    by_caller = case.job is not None and case.job.due_at is not None
    if by_caller or (case.record is not None and case.record.status == Status.SCHEDULED):
        code, text = "delayed_by_caller", "it was enqueued to run later"
    else:
        code, text = (
            "delay_not_known",
            "why it is delayed is not known",
        )
    return Reason(code, text, None, evidence, f"asok job promote {operands(case.detail.id)}")
