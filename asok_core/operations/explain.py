"""Ask Redis for what explains a job, a queue or a worker, and explain it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

from asok_core.backends.roles import Reader
from asok_core.errors import Refused, UsageError
from asok_core.inspection import reasons, worker_reasons
from asok_core.inspection.audit import Activity
from asok_core.inspection.elsewhere import RecordSearch
from asok_core.inspection.error_groups import normalised_error
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.job_reasons import Explanation, explain_job, explain_unknown
from asok_core.inspection.notes import NoteSubject, OperatorNote, on_error, on_job, on_queue
from asok_core.inspection.phrases import counted
from asok_core.inspection.queues import ALL
from asok_core.inspection.reason import ranked
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.inspection.task_figures import FINE_RANGES, TaskHistory
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.states import Location
from asok_core.operations.search import by_id

ENTRIES = 1000
"""Newest entries of the audit in which is looked for who paused a queue or made a worker quiet."""
NEWEST = 50
"""Of these, how many are read again where the others are known."""
KEYS = 500_000
"""Keys among which other namespaces are looked for: a fifth of a second of Redis, in small steps."""

_WAITS = (Location.PENDING, Location.DELAYED, Location.HELD)

Kind: TypeAlias = Literal["job", "queue", "queues", "worker"]


Stacks: TypeAlias = Callable[[JobDetail, Snapshot], Sequence[JobStack]]


class DatedExplanation(NamedTuple):
    """An explanation, of what it is, and when that was read (epoch seconds, Redis's clock)."""

    kind: Kind
    name: str
    at: float
    explanation: Explanation
    detail: JobDetail | None = None
    notes: tuple[OperatorNote, ...] = ()
    """What operators wrote on it; of a job also on its queue while it waits, and on its error group."""
    notes_problem: str = ""
    """Why these are not known."""


class RecentOperations:
    """The newest operations: all are read once, then those that are new."""

    def __init__(self) -> None:
        self._known: tuple[Activity, ...] = ()

    def read(self, reader: Reader, detail: JobDetail | None = None) -> tuple[Activity, ...]:
        """The newest first. Of the trash only that is looked at which holds the job of ``detail``."""
        trash_of = {detail.operation} if detail is not None and detail.operation else set[str]()
        held = {each.operation for each in self._known if each.in_trash}
        # What is known of a trash changes although no operation is new.
        known = {each.operation: each for each in self._known} if trash_of <= held else {}
        newest = reader.activity(NEWEST if known else ENTRIES, trash_of=trash_of)
        if known and len(newest) == NEWEST and newest[-1].operation not in known:
            newest, known = reader.activity(ENTRIES, trash_of=trash_of), {}
        again = {each.operation for each in newest}
        rest = (each for each in known.values() if each.operation not in again)
        self._known = (*newest, *rest)[:ENTRIES]
        return self._known


def job(
    reader: Reader, name: str, *, namespace: str, redis: str, stacks: Stacks | None = None
) -> DatedExplanation:
    """Why the job with this id, or the only one whose id begins with it, is where it is.

    ``namespace`` and ``redis`` (a masked URL) say where it was looked for; ``stacks`` asks the worker of a
    running job where its code is. Raises UsageError where several ids begin with it; Unreachable, Refused.
    """
    snapshot = reader.snapshot()
    detail = by_id(reader, name, snapshot)
    detail, snapshot = with_its_worker(reader, detail, snapshot)
    operations = RecentOperations().read(reader, detail)
    taken: Sequence[JobStack] = ()
    if stacks is not None and detail is not None and detail.location is Location.ACTIVE:
        taken = stacks(detail, snapshot)
    return known_job(
        detail,
        name,
        snapshot,
        operations,
        elsewhere=reader.elsewhere(name, KEYS) if detail is None or detail.is_unknown else None,
        namespace=namespace,
        redis=redis,
        stacks=taken,
        figures=figures_of(reader, detail),
    )


def known_job(
    detail: JobDetail | None,
    name: str,
    snapshot: Snapshot,
    operations: Sequence[Activity],
    *,
    namespace: str,
    redis: str,
    stacks: Sequence[JobStack] = (),
    figures: TaskHistory | None = None,
    elsewhere: RecordSearch | None = None,
) -> DatedExplanation:
    """Why a job is where it is of which ``detail`` was read; None: it was not found."""
    if detail is None or detail.is_unknown:
        gaps = detail.gaps if detail is not None else ()
        unknown = explain_unknown(name, namespace, redis, elsewhere, gaps)
        # The note may be all that is left of it.
        return _noted(
            DatedExplanation("job", name, snapshot.taken_at, unknown), snapshot, [on_job(name)]
        )
    explanation = explain_job(detail, snapshot, operations, stacks, figures)
    found = DatedExplanation("job", detail.id, snapshot.taken_at, explanation, detail)
    return _noted(found, snapshot, _subjects_of(detail), detail.note)


def figures_of(reader: Reader, detail: JobDetail | None) -> TaskHistory | None:
    """What the task of a job that a worker holds did in the last day; None where that is not known."""
    job = detail.payload.job if detail is not None and detail.payload is not None else None
    if job is None or detail is None or detail.location is not Location.ACTIVE:
        return None
    try:
        return reader.task_history(job.task, FINE_RANGES["24h"])
    except Refused:
        return None


def with_its_worker(
    reader: Reader, detail: JobDetail | None, snapshot: Snapshot
) -> tuple[JobDetail | None, Snapshot]:
    """The same, read again where a worker holds the job that is not in the snapshot.

    The worker may have begun after the snapshot, or returned the job since: neither is lost.
    """
    if detail is None or detail.location is not Location.ACTIVE:
        return detail, snapshot
    if detail.worker in {each.id for each in snapshot.workers}:
        return detail, snapshot
    snapshot = reader.snapshot()
    return reader.job(detail.id) or detail, snapshot


def queue(reader: Reader, name: str) -> DatedExplanation:
    """Why the jobs of a queue that exists do not start at once. Raises Unreachable, Refused."""
    return known_queue(name, reader.snapshot(), RecentOperations().read(reader))


def known_queue(name: str, snapshot: Snapshot, operations: Sequence[Activity]) -> DatedExplanation:
    """Why the jobs of a queue of a snapshot do not start at once."""
    stats = reasons.queue_of(name, snapshot)
    found = ranked(
        chain(
            reasons.of_queue(name, snapshot, operations),
            reasons.of_held(name, snapshot),
            reasons.of_limited(name, snapshot),
        )
    )
    if stats is None:
        state = "not known: no job and no worker names it"
    elif not stats.pending:
        state = "no job is pending"
    else:
        state = f"{stats.pending:,} pending"
    explained = DatedExplanation("queue", name, snapshot.taken_at, Explanation(state, found))
    return _noted(explained, snapshot, [on_queue(name)])


def queues(reader: Reader) -> DatedExplanation:
    """Why jobs of any queue do not start at once. Raises Unreachable, Refused."""
    return known_queues(reader.snapshot(), RecentOperations().read(reader))


def known_queues(snapshot: Snapshot, operations: Sequence[Activity]) -> DatedExplanation:
    """Why jobs of any queue of a snapshot do not start at once: of each the reason that counts most."""
    found = ranked(reasons.of_all_queues(snapshot, operations))
    waiting = sum(each.pending > 0 for each in snapshot.queues)
    state = (
        f"{snapshot.pending:,} pending in {counted(waiting, 'queue')}"
        if waiting
        else "no job is pending"
    )
    explained = DatedExplanation("queues", ALL, snapshot.taken_at, Explanation(state, found))
    subjects = [on_queue(each.name) for each in snapshot.queues if each.pending or each.problem]
    return _noted(explained, snapshot, subjects)


def _subjects_of(detail: JobDetail) -> Iterator[NoteSubject]:
    """On what else than itself a note explains a job."""
    payload = detail.payload
    queue = payload.job.queue if payload is not None and payload.job is not None else None
    queue = queue or (detail.record.queue if detail.record is not None else None)
    if queue and detail.location in _WAITS:
        yield on_queue(queue)
    if payload is not None and detail.location is Location.DEAD:
        yield on_error(normalised_error(payload.error or payload.problem))


def _noted(
    found: DatedExplanation,
    snapshot: Snapshot,
    subjects: Iterable[NoteSubject],
    own: OperatorNote | None = None,
) -> DatedExplanation:
    """The same with the notes on ``subjects``, after the one on the job itself."""
    notes = snapshot.notes
    others = (note for each in subjects if (note := notes.on(each)) is not None)
    known = tuple(each for each in (own, *others) if each is not None)
    return found._replace(notes=known, notes_problem=notes.problem)


def worker(reader: Reader, name: str) -> DatedExplanation:
    """Why a worker takes no jobs, or few. ``name``: its id, or the only id that begins so.

    Raises UsageError where no id, or several, begin so; Unreachable, Refused.
    """
    snapshot = reader.snapshot()
    found = [each for each in snapshot.workers if each.id == name]
    found = found or [each for each in snapshot.workers if each.id.startswith(name)]
    if len(found) != 1:
        raise UsageError(_which_worker(name, [each.id for each in found], snapshot))
    return _known_worker(found[0], snapshot, RecentOperations().read(reader))


def known_worker(name: str, snapshot: Snapshot, operations: Sequence[Activity]) -> DatedExplanation:
    """Why a worker takes no jobs, or few, whose id was in an earlier snapshot."""
    found = next((each for each in snapshot.workers if each.id == name), None)
    if found is not None:
        return _known_worker(found, snapshot, operations)
    state = "not known" if snapshot.workers_unread else "not registered"
    gone = Explanation(state, (worker_reasons.unregistered(name, snapshot),))
    return DatedExplanation("worker", name, snapshot.taken_at, gone)


def _known_worker(
    chosen: WorkerInfo, snapshot: Snapshot, operations: Sequence[Activity]
) -> DatedExplanation:
    found = ranked(worker_reasons.of_worker(chosen, snapshot, operations))
    slots = f"{chosen.running} of {chosen.slots} slots busy"
    state = "not known" if chosen.problem else slots
    return DatedExplanation("worker", chosen.id, snapshot.taken_at, Explanation(state, found))


def _which_worker(name: str, found: list[str], snapshot: Snapshot) -> str:
    if found:
        return f"{len(found)} workers have ids that begin with {name!r}: {', '.join(found[:3])}"
    known = ", ".join(sorted(each.id for each in snapshot.workers)[:3]) or "none"
    if snapshot.workers_unread:
        why = f"not all workers were read: {snapshot.workers_unread}"
        return f"no worker that was read has an id that begins with {name!r} ({why})"
    return f"no worker has an id that begins with {name!r}; workers: {known}"
