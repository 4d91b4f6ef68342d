"""Why a job is in its state, in one sentence."""

from __future__ import annotations

from asok_console.presentation.prose import ago, duration, rough
from asok_core.inspection.history import Event, history_of
from asok_core.inspection.job_detail import MISSING, JobDetail
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Location, Status
from asok_core.operations.hazards import hazards


def why(detail: JobDetail, now: float, snapshot: Snapshot | None = None) -> str:
    """Why the job is where it is, not safe to show yet. ``snapshot`` is the state of its queue."""
    events = history_of(detail, now)
    known = {
        Location.DEAD: lambda: _dead(detail, now),
        Location.DELAYED: lambda: _delayed(detail, now),
        Location.PENDING: lambda: _pending(detail, events, snapshot),
        Location.ACTIVE: lambda: _active(detail, events),
        Location.TRASH: lambda: _in_trash(detail, events, now),
        Location.FINISHED: lambda: _finished(detail.record, events, now),
    }
    if detail.location is not None:
        return known[detail.location]()
    return MISSING if detail.missing else "its location is not known: too many jobs to look through"


def _in_trash(detail: JobDetail, events: tuple[Event, ...], now: float) -> str:
    removed = next((each for each in reversed(events) if each.detail == detail.operation), None)
    who = f" by {removed.by}" if removed and removed.by else ""
    when = f" {ago(removed.at, now)}" if removed and removed.at is not None else ""
    return f"moved to the trash{who}{when}: asok trash restore {detail.operation} puts it back"


def _job(detail: JobDetail) -> Job | None:
    return detail.payload.job if detail.payload else None


def _dead(detail: JobDetail, now: float) -> str:
    payload, job = detail.payload, _job(detail)
    ended = f" {ago(payload.failed_at, now)}" if payload and payload.failed_at is not None else ""
    if payload is not None and payload.rejected:
        return f"a worker refused to run it{ended}"
    if job is None:
        return payload.problem or "it cannot be read" if payload else "it cannot be read"
    which = f"attempt {job.attempt} of {job.attempts} failed{ended}"
    if job.retry_count < job.retries:
        return f"{which} and was not retried"
    return f"{which}; no retries are left" if job.retries else f"{which}; it has no retries"


def _delayed(detail: JobDetail, now: float) -> str:
    job = _job(detail)
    due = "due now"
    if detail.due_at is not None and detail.due_at > now:
        due = f"due {ago(detail.due_at, now)}"
    if job is not None and job.retry_count:
        return f"attempt {job.retry_count} of {job.attempts} failed; the next is {due}"
    return f"it is delayed: {due}"


def _pending(detail: JobDetail, events: tuple[Event, ...], snapshot: Snapshot | None) -> str:
    job = _job(detail)
    waited = next((each.waited for each in reversed(events) if each.what == "waiting"), None)
    said = f"it has waited {rough(waited)}" if waited is not None else "it waits"
    queue = (job.queue if job else None) or (detail.record.queue if detail.record else None)
    lines = hazards(snapshot, to={queue: 1}) if snapshot is not None and queue else ()
    # Of these, what concerns its queue: not the memory of Redis.
    why_not = [line for line in lines if "queue" in line]
    return f"{said} for a worker" + (f": {why_not[0]}" if why_not else "")


def _active(detail: JobDetail, events: tuple[Event, ...]) -> str:
    job = _job(detail)
    running = next((each for each in reversed(events) if each.what == "running"), None)
    where = f" on {detail.worker}" if detail.worker else ""
    if running is None:
        return f"a worker has claimed it and has not begun{where}"
    which = f"attempt {job.attempt} of {job.attempts} runs" if job else "it runs"
    return f"{which} for {rough(running.ran)}{where}"


def _finished(record: JobRecord | None, events: tuple[Event, ...], now: float) -> str:
    if record is None:
        return "there is no record of it: records expire, by default 24 h after the job has ended"
    ended = f" {ago(record.finished_at, now)}" if record.finished_at is not None else ""
    kept = f"; the record is kept for {rough(record.ttl)}" if record.ttl is not None else ""
    if record.status == Status.COMPLETED:
        ran = next((each.ran for each in reversed(events) if each.what == "completed"), None)
        took = f" after {duration(ran)}" if ran is not None else ""
        return f"it completed{took}{f',{ended}' if ended else ''}{kept}"
    if record.status == Status.CANCELLED:
        by = next(
            (each.by for each in reversed(events) if each.what in ("cancelled", "purged")), ""
        )
        who = f" by {by}" if by else ""
        return f"it was cancelled{who}{ended}{kept}"
    if (record.error_line or "").startswith("Oversized: "):
        return f"it was set aside unread{ended}: it is larger than ASOK_MAX_ENVELOPE{kept}"
    return f"it failed{ended} and is not among the dead jobs{kept}"
