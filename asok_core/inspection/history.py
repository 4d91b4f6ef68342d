"""The history of a job: one list in the order in which things happened, for every screen and command.

It is put together from what Redis keeps: the record with its fields, ``attempts`` and ``moves``, and where
the envelope is now. A job of the ``asok`` framework, or one that an older version moved, has less of that.
What is not known is marked as such, never assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from asok_core.clock import elapsed
from asok_core.inspection.job_detail import Attempt, JobDetail, Move
from asok_core.inspection.job_events import (
    OF_ATTEMPTS,
    OF_MOVES,
    TO_TRASH,
    AttemptVerb,
    JobEventKind,
    MoveVerb,
)
from asok_core.inspection.tracebacks import last_line
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import number
from asok_core.jobs.progress import JobProgress, reported_by
from asok_core.jobs.states import Location, Status

KEPT_ATTEMPTS, KEPT_MOVES = 10, 20
"""How many of each a record holds at most (``attempts.lua``, ``moves.lua``)."""

SAME = 0.001
"""Seconds within which two starts are one and the same."""

EDITED_JOB = "edited"
"""Of a restore: it restored the original of an edited job."""

LATER = "a worker of the asok framework ran it after that, which keeps no times"
"""What is known of a later attempt than ours."""

_RETURNS = (MoveVerb.RESTORE, MoveVerb.REQUEUE, MoveVerb.EDIT, MoveVerb.IMPORT)

_VERB_OF = {
    Status.COMPLETED: AttemptVerb.COMPLETE,
    Status.RETRYING: AttemptVerb.RETRY,
    Status.FAILED: AttemptVerb.FAIL,
    Status.CANCELLED: AttemptVerb.CANCEL,
    Status.RUNNING: AttemptVerb.RUN,
}

_REQUEUES = (JobEventKind.REQUEUED, JobEventKind.EDITED)
_MOVED = (JobEventKind.MOVED, JobEventKind.MOVED_TO_FRONT)
UNSURVIVED = (JobEventKind.CRASHED, JobEventKind.INTERRUPTED)
_RUNS = (*OF_ATTEMPTS.values(), *UNSURVIVED)
_ENDS = (
    *(JobEventKind.COMPLETED, JobEventKind.FAILED, JobEventKind.REJECTED, JobEventKind.DIED),
    *(JobEventKind.STOPPED, JobEventKind.CANCELLED, JobEventKind.PURGED, JobEventKind.IMPORTED),
)
"""Events after which a job waits for nothing, until it is queued again."""
_FAILURES = (JobEventKind.FAILED, JobEventKind.REJECTED, JobEventKind.DIED)
_UNFINISHED = (JobEventKind.RETRIED, JobEventKind.POSTPONED, JobEventKind.RETURNED)
"""Events of attempts after which the job waits again."""
_WAITS = (Location.PENDING, Location.DELAYED, Location.HELD, Location.ACTIVE)


class JobEvent(NamedTuple):
    """Something that happened to a job. None is not known.

    ``what`` may be a verb of another version. ``by``: an operator, or the process that ran it.
    ``detail`` of an attempt: why it was retried or not, beyond the number of retries. ``waited``: seconds
    to the start of an attempt, since the job was enqueued, was queued again or ended the attempt before.
    ``ran``: seconds of an attempt. ``progress``: what the attempt reported last.
    """

    at: float | None
    what: JobEventKind | str
    by: str = ""
    detail: str = ""
    waited: float | None = None
    ran: float | None = None
    error: str = ""
    progress: JobProgress | None = None
    start: float | None = None
    """Of an attempt that was stopped on request: when it began. It is dated by its end."""

    @property
    def began_at(self) -> float | None:
        """Of an attempt: when it began. ``at`` of one that its process did not survive is its end."""
        if self.start is not None:
            return self.start
        return number(self.detail) if self.what in UNSURVIVED else self.at


def history_of(detail: JobDetail, now: float) -> tuple[JobEvent, ...]:
    """All that is known of what happened to a job, the oldest first, and what it waits for.

    ``now``: epoch seconds of Redis's clock, by which a running or waiting job has done so for a while.
    """
    attempts = [_of_attempt(each) for each in known_attempts(detail)]
    moves = [_of_move(each) for each in detail.moves]
    enqueued = _enqueued(detail, moves)
    events = _without_doubles(_merged(enqueued, moves, attempts, _died(detail)))
    events = _with_gaps(_corrected(events), detail)
    events = _with_missing(events, detail)
    timed, since = _with_times(events, detail, now)
    foreign = detail.record is not None and detail.record.foreign
    if foreign and any(each.what == JobEventKind.NOT_KNOWN for each in timed):
        # An attempt that is not listed may lie between two of them.
        timed = [each._replace(waited=None) for each in timed]
    if detail.record is not None and detail.record.later_attempt:
        timed.append(JobEvent(None, JobEventKind.NOT_KNOWN, detail=LATER))
        since = None
    return (*timed, *_state(timed, since, detail, now))


def known_attempts(detail: JobDetail) -> list[Attempt]:
    """The attempts that the record lists, and the last run where only its fields hold it."""
    attempts, record = list(detail.attempts), detail.record
    if record is None or record.started_at is None or not isinstance(record.status, Status):
        return attempts
    verb = _VERB_OF.get(record.status)
    # What a process did not survive is among the moves.
    starts = [number(each.detail) for each in detail.moves if OF_MOVES.get(each.verb) in UNSURVIVED]
    starts += [attempts[-1].started_at if attempts else None]
    listed = any(each is not None and abs(each - record.started_at) < SAME for each in starts)
    # No task stopped where an operator took the job out of its queue.
    never_ran = verb == AttemptVerb.CANCEL and taken_out(detail.moves) is not None
    if verb is None or listed or never_ran:
        return attempts
    return [*attempts, _last_run(record, record.started_at, verb)]


def taken_out(moves: Sequence[Move]) -> Move | None:
    """Who took a job out of its queue and when, if no operation has returned it since."""
    last = next((each for each in reversed(moves) if each.verb in (*TO_TRASH, *_RETURNS)), None)
    return last if last is not None and last.verb in TO_TRASH else None


def _last_run(record: JobRecord, started_at: float, verb: AttemptVerb) -> Attempt:
    end = record.finished_at if verb != AttemptVerb.RUN else None
    seconds = end - started_at if end is not None and end >= started_at else None
    failed = verb in (AttemptVerb.RETRY, AttemptVerb.FAIL)
    error = (record.error_line or last_line(record.error)) if failed else ""
    return Attempt(started_at, seconds, verb, record.worker or "", error)


def _of_attempt(attempt: Attempt) -> JobEvent:
    what = OF_ATTEMPTS.get(attempt.verb, attempt.verb)
    began, by, ran = attempt.started_at, attempt.worker, attempt.seconds
    event = JobEvent(began, what, by, attempt.note, attempt.waited, ran, attempt.error)
    if what == JobEventKind.STOPPED and began is not None and ran is not None:
        # After the request, and not where it began, before that.
        return event._replace(at=began + ran, start=began)
    return event


def _of_move(move: Move) -> JobEvent:
    what = OF_MOVES.get(move.verb, move.verb)
    if what == JobEventKind.DIED:
        return JobEvent(move.at, what, error=move.detail)
    return JobEvent(move.at, what, move.by, move.detail)


def _enqueued(detail: JobDetail, moves: Sequence[JobEvent]) -> list[JobEvent]:
    if any(each.what in (JobEventKind.ENQUEUED, *_REQUEUES) for each in moves):
        # A requeue writes its own time into the record, and the time before that into the moves.
        return []
    job = detail.payload.job if detail.payload else None
    since = detail.record.enqueued_at if detail.record else None
    since = since if since is not None else (job.enqueued_at if job else None)
    return [JobEvent(since, JobEventKind.ENQUEUED)] if since is not None else []


def _died(detail: JobDetail) -> list[JobEvent]:
    payload = detail.payload
    if detail.location is not Location.DEAD or payload is None:
        return []
    at = payload.failed_at
    # The maker of the dead job took the time from its copy of Redis's clock, which may be a little behind
    # the time that the script noted of the last crash.
    crash = next((each.at for each in reversed(detail.moves) if each.verb == MoveVerb.CRASH), None)
    if at is not None and crash is not None:
        at = max(at, crash)
    return [JobEvent(at, JobEventKind.DIED, error=last_line(payload.error))]


def _merged(*parts: Sequence[JobEvent]) -> list[JobEvent]:
    """By time; each part keeps its own order, and what has no time stays where its part has it."""
    keyed: list[tuple[float, JobEvent]] = []
    for part in parts:
        latest = -math.inf
        for event in part:
            latest = max(latest, event.at if event.at is not None else latest)
            keyed.append((latest, event))
    return [event for _, event in sorted(keyed, key=lambda each: each[0])]


def _without_doubles(events: Sequence[JobEvent]) -> list[JobEvent]:
    """Once, where an attempt and the dead job hold the same failure."""
    kept: list[JobEvent] = []
    for event in events:
        before = kept[-1].what if kept else None
        if event.what != JobEventKind.DIED or before not in _FAILURES:
            kept.append(event)
    return kept


def _corrected(events: Sequence[JobEvent]) -> list[JobEvent]:
    """Older versions wrote the time of a requeue as that of the enqueueing, and nothing else of it."""
    late = next((at for at, each in enumerate(events) if each.what == JobEventKind.ENQUEUED), 0)
    if late == 0 or not any(each.what in OF_ATTEMPTS.values() for each in events[:late]):
        return list(events)
    again = events[late]._replace(what=JobEventKind.REQUEUED)
    return [JobEvent(None, JobEventKind.ENQUEUED), *events[:late], again, *events[late + 1 :]]


def _with_gaps(events: Sequence[JobEvent], detail: JobDetail) -> list[JobEvent]:
    """With what must have happened, since something came after it, and is not noted."""
    filled: list[JobEvent] = []
    ended = removed = False
    for event in events:
        if ended and event.what in (*_RUNS, *_MOVED):
            filled.append(JobEvent(None, JobEventKind.QUEUED_AGAIN))
        filled.append(event)
        if event.what not in _MOVED:
            ended = event.what in _ENDS or _is_restored(event, Location.DEAD)
            removed = event.what in (JobEventKind.PURGED, JobEventKind.CANCELLED)
    if detail.location in _WAITS and ended:
        filled.append(JobEvent(None, JobEventKind.QUEUED_AGAIN))
    elif detail.location is Location.DEAD and removed:
        filled.append(JobEvent(None, JobEventKind.RESTORED, detail=Location.DEAD))
    return filled


def _with_missing(events: Sequence[JobEvent], detail: JobDetail) -> list[JobEvent]:
    """With a line that says what of the past is not kept."""
    job, record = detail.payload.job if detail.payload else None, detail.record
    spent = (job.retry_count if job else record.retry_count if record else None) or 0
    first = int(bool(events) and events[0].what == JobEventKind.ENQUEUED)
    start = _round_start(events)
    missing = spent - sum(each.what == JobEventKind.RETRIED for each in events[start:])
    if record is not None and record.later_attempt:
        # Which of them these are is not known: that there are some is stated at the end.
        missing = 0
    lines = []
    if missing > 0:
        noun = "attempt" if missing == 1 else "attempts"
        lines.append(f"{missing} earlier {noun}: {_why_missing(detail)}")
    elif len(detail.attempts) >= KEPT_ATTEMPTS:
        lines.append(f"only the last {KEPT_ATTEMPTS} attempts are kept")
    if len(detail.moves) >= KEPT_MOVES:
        lines.append(f"only the last {KEPT_MOVES} operations are kept")
    reported = [JobEvent(None, JobEventKind.NOT_KNOWN, detail=line) for line in lines]
    at = start if start and missing > 0 else first
    return [*events[:at], *reported, *events[at:]]


def _is_restored(event: JobEvent, whereto: str) -> bool:
    return event.what == JobEventKind.RESTORED and event.detail == whereto


def _round_start(events: Sequence[JobEvent]) -> int:
    """Where the attempts begin that the envelope counts: a requeue restores all retries."""
    starts = [0]
    for at, event in enumerate(events):
        if event.what in _REQUEUES:
            starts.append(at + 1)
        elif _is_restored(event, EDITED_JOB) and len(starts) > 1:
            # The original came back, with the retries that it had spent.
            starts.pop()
    return starts[-1]


def _why_missing(detail: JobDetail) -> str:
    if len(detail.attempts) >= KEPT_ATTEMPTS:
        return f"only the last {KEPT_ATTEMPTS} are kept"
    if detail.record is None:
        return "the job has no record"
    if detail.record.foreign:
        return "its record was written by the framework"
    return "Redis keeps no times of them"


def _with_times(
    events: Sequence[JobEvent], detail: JobDetail, now: float
) -> tuple[list[JobEvent], float | None]:
    """Events with how long they waited and ran and what they reported; since when the job waits, or None.

    Time as a dead job, or in the trash, is never time of waiting.
    """
    timed: list[JobEvent] = []
    since: float | None = None
    first = True
    for event in events:
        ran = event.ran
        if event.what == JobEventKind.RUNNING and event.at is not None:
            ran = elapsed(event.at, now)
        begun = event.began_at
        # The wait that a worker wrote begins when the job was first enqueued.
        waited = event.waited if first else None
        if event.what in (*_RUNS, JobEventKind.QUEUED_AGAIN):
            first = False
        if event.what in _RUNS and begun is not None and since is not None and begun >= since:
            waited = begun - since
        progress = reported_by(detail.reports, begun) if event.what in _RUNS else None
        timed.append(event._replace(waited=waited, ran=ran, progress=progress))
        since = _waits_since(event, since, detail)
    return timed, since


def _waits_since(event: JobEvent, since: float | None, detail: JobDetail) -> float | None:
    if event.what in (*_MOVED, JobEventKind.NOT_KNOWN):
        return since
    if event.what == JobEventKind.ENQUEUED:
        job = detail.payload.job if detail.payload else None
        due = job.due_at if job else None
        # Until a delayed start is due, no worker is late.
        return event.at if event.at is None or due is None else max(event.at, due)
    if event.what in (*_REQUEUES, JobEventKind.PROMOTED, JobEventKind.RELEASED, *UNSURVIVED):
        return event.at
    if event.what == JobEventKind.RESTORED:
        return event.at if event.detail in (Location.PENDING, Location.DELAYED) else None
    if event.what in _UNFINISHED:
        return event.at + event.ran if event.at is not None and event.ran is not None else None
    return None


def _state(
    events: Sequence[JobEvent], since: float | None, detail: JobDetail, now: float
) -> Iterator[JobEvent]:
    """What it waits for now."""
    waited = now - since if since is not None and since <= now else None
    if detail.location is Location.DELAYED and detail.due_at is not None:
        yield JobEvent(detail.due_at, JobEventKind.DUE)
    elif detail.location is Location.PENDING:
        yield JobEvent(None, JobEventKind.WAITING, waited=waited)
    elif detail.location is Location.ACTIVE and not any(
        each.what == JobEventKind.RUNNING for each in events
    ):
        yield JobEvent(None, JobEventKind.CLAIMED, detail.worker or "", waited=waited)
