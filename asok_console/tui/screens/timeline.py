"""The way of a job so far: when it was enqueued, how long it waited, how each attempt went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from textual.content import Content

from asok_console.present.numbers import age, duration
from asok_console.present.text import safe
from asok_console.tui.cells import last_line
from asok_console.tui.figures import until
from asok_core.clock import iso
from asok_core.job import Job, JobRecord
from asok_core.snapshot import Attempt, JobDetail
from asok_core.states import Place, Status

KEPT = 10
"""Attempts that a record tells of at most."""

CLOCK = 10
"""Cells for the time of day."""

SAME = 0.001
"""Seconds within which two starts are one and the same."""

VERBS = {
    "complete": ("✓ completed", "good"),
    "retry": ("↻ failed, will retry", "warn"),
    "fail": ("✗ failed for good", "bad"),
    "reject": ("✗ rejected", "bad"),
    "postpone": ("◷ postponed, uncounted", "warn"),
    "cancel": ("⊘ cancelled", "dim"),
    "return": ("↩ stopped, uncounted", "dim"),
    "run": ("▶ running", "info"),
}
"""How an attempt ended, and the tone."""

_VERB_OF = {
    Status.COMPLETED: "complete",
    Status.RETRYING: "retry",
    Status.FAILED: "fail",
    Status.CANCELLED: "cancel",
    Status.RUNNING: "run",
}


class Moment(NamedTuple):
    """One line: when, what, its tone, and what is said beside it."""

    at: float | None
    what: str
    tone: str = ""
    beside: tuple[str, ...] = ()


def timeline(detail: JobDetail, job: Job | None, now: float) -> Content:
    """The lines of a job's way, oldest first."""
    record = detail.record
    attempts = known_attempts(detail.attempts, record)
    lines = [_line(moment) for moment in _moments(detail, job, attempts, now)]
    untold = (job.retry_count if job else (record.retry_count or 0) if record else 0) - sum(
        attempt.verb == "retry" for attempt in attempts
    )
    if untold > 0:
        who = "its record was written by the framework" if record and record.foreign else (
            "Redis keeps no times of them"
        )  # fmt: skip
        more = f"{'':<{CLOCK}}{untold} earlier attempt{'' if untold == 1 else 's'}: {who}"
        lines.insert(1 if lines else 0, Content.styled(more, "$tone-dim"))
    elif len(attempts) == KEPT:
        lines.insert(1, Content.styled(f"{'':<{CLOCK}}the last {KEPT} attempts", "$tone-dim"))
    return Content("\n").join(lines)


def known_attempts(kept: Sequence[Attempt], record: JobRecord | None) -> list[Attempt]:
    """What the record's list tells, and what its fields tell of a last run that is not in it."""
    attempts = list(kept)
    if record is None or record.started_at is None or not isinstance(record.status, Status):
        return attempts
    verb = _VERB_OF.get(record.status, "")
    last = attempts[-1].started_at if attempts else None
    if not verb or (last is not None and abs(last - record.started_at) < SAME):
        return attempts
    end = record.finished_at if verb != "run" else None
    seconds = end - record.started_at if end and end >= record.started_at else None
    error = last_line(record.error) if verb in ("retry", "fail") else ""
    attempts.append(Attempt(record.started_at, seconds, verb, record.worker or "", error))
    return attempts


def _moments(
    detail: JobDetail, job: Job | None, attempts: Sequence[Attempt], now: float
) -> Iterator[Moment]:
    record = detail.record
    since = (job.enqueued_at if job else None) or (record.enqueued_at if record else None)
    if since is not None:
        yield Moment(since, "enqueued")
    for attempt in attempts:
        what, tone = VERBS.get(attempt.verb, (f"? {attempt.verb}", "warn"))
        waited = attempt.started_at - since if attempt.started_at and since else None
        ran = attempt.seconds
        if attempt.verb == "run" and attempt.started_at is not None:
            ran = max(now - attempt.started_at, 0.0)
        beside = (
            f"waited {duration(waited):<7}" if waited is not None and waited >= 0 else "",
            f"ran {duration(ran):<7}" if ran is not None else "",
            f"on {attempt.worker}" if attempt.worker else "",
            attempt.error,
        )
        yield Moment(attempt.started_at, what, tone, tuple(part for part in beside if part))
        since = attempt.started_at + ran if attempt.started_at and ran is not None else None
    told = bool(attempts) and attempts[-1].verb in ("fail", "reject")
    yield from _standing(detail, since, now, told=told)


def _standing(
    detail: JobDetail, since: float | None, now: float, *, told: bool
) -> Iterator[Moment]:
    failed_at = detail.payload.failed_at if detail.payload else None
    waited = (f"for {age(since, now)}",) if since is not None and since <= now else ()
    if detail.place is Place.DELAYED and detail.due_at is not None:
        due = until(detail.due_at, now)
        yield Moment(detail.due_at, f"◷ next attempt {due}" if due != "due" else "◷ due", "calm")
    elif detail.place is Place.PENDING:
        yield Moment(None, "○ waits in its queue", "dim", waited)
    elif detail.place is Place.DEAD and not told:
        at = failed_at if failed_at is not None else since
        yield Moment(at, "✗ became a dead letter", "bad")


def _line(moment: Moment) -> Content:
    shown = (iso(moment.at) or "")[11:19] if moment.at is not None else ""
    return Content.assemble(
        (f"{shown:<{CLOCK}}", "$tone-dim"),
        (f"{safe(moment.what, 40):<22}", f"$tone-{moment.tone}" if moment.tone else ""),
        (safe("  ".join(moment.beside), 300), "$tone-dim"),
    )
