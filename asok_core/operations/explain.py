"""Ask Redis for what explains a job, a queue or a worker, and explain it."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.backends.roles import Reader
from asok_core.errors import UsageError
from asok_core.inspection import reasons
from asok_core.inspection.audit import Activity
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.job_reasons import Explanation, explain_job, explain_unknown
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location
from asok_core.operations.search import by_id

ENTRIES = 1000
"""Newest entries of the audit in which is looked for who paused a queue or made a worker quiet."""


class Explained(NamedTuple):
    """An explanation, of what it is, and when that was read (epoch seconds, Redis's clock)."""

    kind: str
    """``job``, ``queue`` or ``worker``."""
    name: str
    at: float
    explanation: Explanation
    detail: JobDetail | None = None


def job(reader: Reader, name: str, *, namespace: str, redis: str) -> Explained:
    """Why the job with this id, or the only one whose id begins with it, is where it is.

    ``namespace`` and ``redis`` (a masked URL) say where it was looked for.
    Raises UsageError where several ids begin with it; Unreachable, Refused.
    """
    detail = by_id(reader, name)
    snapshot, activities = reader.snapshot(), _activities(reader)
    if detail is None:
        return Explained("job", name, snapshot.taken_at, explain_unknown(namespace, redis))
    if detail.location is Location.ACTIVE and detail.worker not in {w.id for w in snapshot.workers}:
        # A worker that was stopped after the job was read has given it back.
        detail = by_id(reader, detail.id) or detail
    explanation = explain_job(detail, snapshot, activities)
    return Explained("job", detail.id, snapshot.taken_at, explanation, detail)


def queue(reader: Reader, name: str) -> Explained:
    """Why the jobs of a queue do not start at once. Raises Unreachable, Refused."""
    snapshot, activities = reader.snapshot(), _activities(reader)
    stats = reasons.queue_of(name, snapshot)
    found = reasons.ranked(reasons.of_queue(name, snapshot, activities))
    if stats is None:
        state = "not known: no job and no worker names it"
    elif not stats.pending:
        state = "no job is pending"
    else:
        state = f"{stats.pending:,} pending"
    return Explained("queue", name, snapshot.taken_at, Explanation(state, found))


def worker(reader: Reader, name: str) -> Explained:
    """Why a worker takes no jobs, or few. ``name``: its id, or the only id that begins so.

    Raises UsageError where no id, or several, begin so; Unreachable, Refused.
    """
    snapshot = reader.snapshot()
    found = [each for each in snapshot.workers if each.id == name]
    found = found or [each for each in snapshot.workers if each.id.startswith(name)]
    if len(found) != 1:
        raise UsageError(_which_worker(name, [each.id for each in found], snapshot))
    chosen = found[0]
    ranked = reasons.ranked(reasons.of_worker(chosen, snapshot, _activities(reader)))
    state = f"{chosen.running} of {chosen.slots} slots busy"
    return Explained("worker", chosen.id, snapshot.taken_at, Explanation(state, ranked))


def _activities(reader: Reader) -> tuple[Activity, ...]:
    # Without the audit a pause is still a pause; who made it is then not known.
    return reader.activity(ENTRIES)


def _which_worker(name: str, found: list[str], snapshot: Snapshot) -> str:
    if found:
        return f"{len(found)} workers have ids that begin with {name!r}: {', '.join(found[:3])}"
    known = ", ".join(sorted(each.id for each in snapshot.workers)[:3]) or "none"
    return f"no worker has an id that begins with {name!r}; workers: {known}"
