"""How a job ended, and where it is gone."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.clock import elapsed
from asok_core.inspection.command_lines import operands, option
from asok_core.inspection.history import taken_out
from asok_core.inspection.job_case import JobCase
from asok_core.inspection.job_detail import Attempt
from asok_core.inspection.job_events import AttemptVerb, MoveVerb
from asok_core.inspection.reason import Reason
from asok_core.inspection.tracebacks import last_line
from asok_core.jobs.states import Location, Status

_FAILURES = (AttemptVerb.FAIL, AttemptVerb.REJECT)
_NEXT_RUNS = (MoveVerb.REQUEUE, MoveVerb.EDIT, MoveVerb.CRASH, MoveVerb.INTERRUPT)


def state(case: JobCase) -> str:
    """How it ended, as far as that is known."""
    if case.detail.location is Location.DEAD:
        return "failed (a dead job)"
    if case.detail.location is Location.TRASH:
        return "in the trash"
    if case.detail.missing or case.record is None:
        return "not known"
    return str(case.record.status) if case.record.finished else f"{case.record.status}, not found"


def ended(case: JobCase) -> Iterator[Reason]:
    """How it ended, who removed it, and whether it can be restored."""
    detail, record = case.detail, case.record
    if detail.location is Location.TRASH:
        yield _in_trash(case)
    if detail.location is Location.DEAD:
        yield _dead(case)
    elif record is not None and record.finished:
        yield _finished(case, record.status)
    elif detail.location is Location.FINISHED and record is None:
        yield Reason(
            "record_expired", "it has ended, and its record has expired: how it ended is not known",
            evidence={"list_of_ended_jobs": "has its id"},
            remedy="raise ASOK_RECORD_TTL to keep the records of jobs that complete from now on",
        )  # fmt: skip
    elif detail.missing:
        yield Reason(
            "lost", "its record says that it has not ended, and it is in no location: a worker of the "
            "asok framework runs it, or it is lost",
            record.started_at if record else None,
            {"record": str(record.status) if record else "none"},
            f"if no worker of the framework runs: asok job cancel {operands(detail.id)}",
        )  # fmt: skip
    elif detail.location is None:
        yield Reason(
            "not_searched", f"its location is not known: {'; '.join(detail.gaps)}",
            evidence={"record": str(record.status) if record else "none"},
        )  # fmt: skip
    if detail.gaps and detail.has_ended and detail.location is None:
        yield Reason(
            "not_searched",
            f"whether its envelope is still there is not known: {'; '.join(detail.gaps)}",
        )
    yield from case.crashes()
    yield from case.past()


def _dead(case: JobCase) -> Reason:
    payload = case.detail.payload
    error = last_line(payload.error) if payload else ""
    evidence: dict[str, str | int | float] = {}
    if case.job is not None:
        # A worker that rejects a job does not begin the attempt.
        evidence["attempts"] = case.job.retry_count if _is_rejected(case) else case.job.attempt
        evidence["attempts_allowed"] = case.job.attempts
    return Reason(
        "dead", f"{_how_it_failed(case)}: {error or 'with which error is not known'}",
        payload.failed_at if payload else None, evidence,
        f"asok dlq requeue {option('--id', case.detail.id)}",
    )  # fmt: skip


def _is_rejected(case: JobCase) -> bool:
    return case.detail.payload is not None and case.detail.payload.rejected


def _how_it_failed(case: JobCase) -> str:
    if case.job is None:
        return "a worker did not run it" if _is_rejected(case) else "it failed for good"
    attempt = f"attempt {case.job.attempt} of {case.job.attempts}"
    if _is_rejected(case):
        return f"a worker did not run {attempt if case.job.retry_count else 'it'}"
    which = f"{attempt} failed"
    if note := _note(case):
        return f"{which} ({note})"
    if case.job.retry_count < case.job.retries:
        return f"{which}, and it was not retried"
    return f"{which}; {'no retries are left' if case.job.retries else 'it has no retries'}"


def _note(case: JobCase) -> str:
    """Why its last attempt was not retried, beyond the number of retries; '' where nothing says so."""
    last = case.attempts[-1] if case.attempts else None
    if last is None or last.verb not in _FAILURES or _ran_again(case, last):
        return ""
    return "" if case.record is not None and case.record.later_attempt else last.note


def _ran_again(case: JobCase, attempt: Attempt) -> bool:
    """Whether it was queued again, or taken from a process that died, after an attempt."""
    began = attempt.started_at
    return began is not None and any(
        each.verb in _NEXT_RUNS and each.at is not None and each.at > began
        for each in case.detail.moves
    )


def _finished(case: JobCase, status: Status | str) -> Reason:
    record = case.record
    at = record.finished_at if record else None
    if status == Status.COMPLETED:
        return Reason("completed", "it completed", at, _of_record(case))
    if status == Status.CANCELLED:
        removed = taken_out(case.detail.moves)
        # A job that was cancelled while it ran was taken out of no queue.
        request = record.cancel if record else None
        by = (removed.by if removed else request.by if request else "") or "not known"
        return Reason(
            "cancelled", "it was cancelled", removed.at if removed else at,
            {"by": by, **_of_record(case)},
        )  # fmt: skip
    error = (record.error_line or last_line(record.error)) if record else ""
    if error.startswith("Oversized: "):
        return Reason(
            "oversized", f"it was set aside unread: {error.removeprefix('Oversized: ')}", at,
            _of_record(case), "pass an id that the task looks up, or raise ASOK_MAX_ENVELOPE",
        )  # fmt: skip
    why = f" ({note})" if (note := _note(case)) else ""
    text = f"it failed{why}: {error or 'with which error is not known'}"
    return Reason("failed", text, at, _of_record(case))


def _of_record(case: JobCase) -> dict[str, str | int | float]:
    """How long it ran, and how long its record is kept."""
    record, evidence = case.record, dict[str, str | int | float]()
    if record is None:
        return evidence
    if (ran := elapsed(record.started_at, record.finished_at)) is not None:
        evidence["ran_s"] = ran
    if record.ttl is not None:
        evidence["record_is_kept_until_at"] = case.now + record.ttl
    return evidence


def _in_trash(case: JobCase) -> Reason:
    entry = next((a for a in case.activities if a.operation == case.detail.operation), None)
    if entry is None:
        return Reason(
            "in_trash", "an operation moved it to the trash; its author is not known",
            evidence={"operation": case.detail.operation},
            remedy=f"asok trash restore {case.detail.operation}",
        )  # fmt: skip
    evidence: dict[str, str | int | float] = {"by": entry.who, "operation": entry.operation}
    if entry.in_trash > 1:
        # The command restores all of them, not this job alone.
        evidence["jobs_that_a_restore_puts_back"] = entry.in_trash
    if entry.trash_until is not None:
        evidence["restorable_until_at"] = entry.trash_until
    return Reason(
        "in_trash", f"the operation {entry.action!r} moved it to the trash", entry.at, evidence,
        f"asok trash restore {entry.operation}",
    )  # fmt: skip
