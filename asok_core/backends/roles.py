"""Interfaces of the Redis backend. A read-only session has a Reader, which cannot write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from asok_core.inspection.audit import Activities, Trash
from asok_core.inspection.elsewhere import FoundLists, RecordSearch
from asok_core.inspection.events import Events
from asok_core.inspection.holds import Hold
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.limits import LimitRule, Limits
from asok_core.inspection.notes import Notes, NoteSubject
from asok_core.inspection.pauses import QueuePause
from asok_core.inspection.queue_history import EarlierMinute, QueueHistory
from asok_core.inspection.queues import Bucket
from asok_core.inspection.release_comparison import Comparison, ReleaseChange
from asok_core.inspection.review import ReviewedEntries
from asok_core.inspection.rows import Page, Row
from asok_core.inspection.sample import JobSample
from asok_core.inspection.snapshot import KeyCheck, Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.inspection.task_figures import TaskHistory, TaskRange, TaskTable
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Location


@dataclass(frozen=True, slots=True)
class Scope:
    """The jobs that a bulk operation is about, resolved when it was confirmed.

    At most one of ``ids`` and ``match`` is given; without either it is all jobs. ``limit`` is the
    number of jobs that there were, ``before`` the time of the confirmation (Redis clock): jobs that
    arrive later are excluded. ``words`` is the filter as the operator typed it, for the audit.
    """

    location: Location
    queue: str | None = None
    ids: frozenset[str] | None = None
    match: Callable[[Row], bool] | None = None
    words: str = ""
    before: float | None = None
    limit: int | None = None
    boundary: str = ""
    """``rows.digest`` of the newest element when it was confirmed. While it is in its list it
    bounds the scope exactly, and ``before``, which depends on clocks of other machines, is not
    used."""
    hold: str = ""
    """Of held jobs of ``queue``: the hold that keeps them."""
    expected: int | None = None
    """How many jobs matched when it was confirmed; those that no longer match count as skipped."""


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The result of an operation. ``refused`` and ``skipped`` count jobs by reason."""

    action: str
    applied: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """Jobs that changed before the operation: no longer in the location, already requeued."""
    refused: dict[str, int] = field(default_factory=dict)
    """Jobs for which it is not allowed: unsigned, bad signature, malformed."""
    operation: str | None = None
    """Its id in the audit, under which the trash has what it removed; None where no id is known."""
    cancelled: bool = False
    pause: QueuePause | None = None
    """Of a pause of a queue: the one that is in force now, as far as it is known."""
    replaced: QueuePause | None = None
    """The one that this changed; without fields where nothing is known of it."""
    hold: Hold | None = None
    """Of a new hold: as it is in force."""
    generation: int = 0
    """Of a hold or a limit: workers that enforce this generation or a later one start jobs by it."""
    limit: LimitRule | None = None
    """Of a limit that was set: as it is in force."""
    former_limit: LimitRule | None = None
    """The one that an operator had set before; without a limit where this release cannot read it."""
    left: int = 0
    """Of the release of a hold: jobs that it still keeps."""
    lacks: str = ""
    """What is not in it although the jobs are: ``notes: this user has no right to the key asok:notes``."""
    missing: frozenset[str] = frozenset()
    """Ids in scope that were not found; they are skipped as well. Empty where not all was gone through."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a bulk operation: ``scanned`` of ``total`` jobs are checked, ``applied`` are done."""

    scanned: int
    total: int
    applied: int
    waits: str = field(default="", kw_only=True)
    """Why none is done now; '' where it proceeds. The text may hold names from Redis."""


class ActiveJob(NamedTuple):
    """A job in an active list of a process, as an operator saw it.

    ``envelope`` is empty where not all of it was read: then its record must say that it runs.
    """

    job_id: str
    process: str
    queue: str
    envelope: bytes


GONE = "no longer there"
"""Reason to skip a job that has left its location."""
NOT_FOUND = "not found"
"""Reason to skip an id of which it is not known that it was ever there."""
UNMET = "no longer there when its turn came"
"""Reason for a confirmed job that was not found: it has moved, or the filter no longer matches."""

Watch = Callable[[Progress], bool]
"""Called after each batch; returning False stops the action before the next one."""


class Reader(Protocol):
    """Reads, and changes nothing. The cost of a call does not depend on the length of queues."""

    def snapshot(self, *, rates: bool = True, jobs: bool = True) -> Snapshot:
        """One consistent snapshot of workers, queues and totals, in three round trips, seldom more.

        Without ``rates`` it has no statistics; without ``jobs`` the running jobs are counted, and
        named as in the last snapshot that read them.
        """

    def history(self, queue: str | None, width: int, count: int) -> tuple[Bucket, ...]:
        """``count`` buckets of ``width`` seconds (10 or 60), oldest first; None: all queues."""

    def queue_history(
        self, queue: str | None, moments: Callable[[float], tuple[float, float]]
    ) -> QueueHistory:
        """What was recorded of a queue (None: of all) between two moments, by the minute or the hour.

        ``moments`` makes them of the time by Redis's clock (epoch seconds).
        """

    def earlier(self, ago: int) -> EarlierMinute:
        """What was recorded of each queue in the minute ``ago`` seconds ago, a day ago in the next."""

    def tasks(self, span: TaskRange, *, patience: float | None = None) -> TaskTable:
        """What each task did in a range, busiest first; of many only some within ``patience`` seconds."""

    def task_history(self, name: str, span: TaskRange) -> TaskHistory:
        """What one task did in a range, bucket by bucket."""

    def task_comparisons(self, change: ReleaseChange) -> Mapping[str, Comparison]:
        """Each task before a release and since; none where it began more than three hours ago."""

    def pending(self, queue: str, start: int, count: int, *, whole: bool = False) -> Page:
        """Pending jobs in execution order. ``whole``: large jobs with all of their bytes."""

    def next_jobs(self, queues: Sequence[str], count: int) -> dict[str, Page]:
        """The next ``count`` jobs of each queue in execution order, in one round trip."""

    def delayed(self, start: int, count: int, *, whole: bool = False) -> Page:
        """Delayed jobs, soonest first, with their records."""

    def held(self, name: str, start: int, count: int, *, whole: bool = False) -> Page:
        """Held jobs of one list, ``{hold}:{queue}``, in the order in which they would have started."""

    def due(self, now: float, width: float, count: int) -> tuple[int, ...]:
        """How many delayed jobs become due in each of ``count`` intervals of ``width`` seconds.

        The first interval begins at ``now`` (epoch seconds); overdue jobs are not counted.
        """

    def dead(self, start: int, count: int, *, whole: bool = False) -> Page:
        """Dead jobs, newest first."""

    def running(self) -> tuple[Row, ...]:
        """Jobs that workers have claimed, longest-running first."""

    def recent(self, start: int, count: int) -> Page:
        """Recently finished jobs, newest first, with their records."""

    def records(self, job_ids: Sequence[str]) -> dict[str, JobRecord]:
        """The records of some jobs by id, without those that have none."""

    def job(
        self, job_id: str, *, near: Row | None = None, patience: float | None = None
    ) -> JobDetail | None:
        """All information about one job, or None. ``near``: the row of a list that showed it.

        The search takes at most ``patience`` seconds; see ``JobDetail.complete``.
        """

    def ids(self, beginning: str, most: int) -> tuple[str, ...] | None:
        """Ids of records that begin so: all, or at least ``most``. It scans all keys, in small steps.

        None for a user who has no right to do that.
        """

    def lists(self) -> FoundLists:
        """The lists of all queues and processes, by a SCAN of all keys in small steps."""

    def elsewhere(self, job_id: str, most: int) -> RecordSearch:
        """Where else than here a record has this id: in other namespaces and databases of the server.

        ``most``: keys that are scanned for other namespaces, at least.
        """

    def scan(
        self, location: Location, queue: str | None = None, batch: int = 500, *, whole: bool = False
    ) -> Iterator[Page]:
        """All rows of a location in pages, oldest first, for searches; safe while jobs come and go.

        ``queue``: of pending jobs; of the trash the id of the operation, of held jobs ``{hold}:{queue}``.
        """

    def sample(self, location: Location, queue: str | None = None) -> JobSample:
        """All jobs of a short location, or a random sample of a long one."""

    def activity(self, count: int, *, trash_of: Collection[str] | None = None) -> Activities:
        """Recent operations, newest first, and which of them can be undone.

        ``trash_of``: the operations whose trash is looked at; None: all.
        """

    def events(self, count: int, *, after: str = "", before: str = "") -> Events:
        """At most ``count`` events, newest first, of those between two ids (neither included)."""

    def limits(self) -> Limits:
        """The limits of operators, and what runs and waits under each limit: some thousand buckets."""

    def notes(self) -> Notes:
        """The notes of operators on jobs, queues and error groups."""

    def check_key(self) -> KeyCheck:
        """Whether SECRET_KEY verifies the signatures of a small sample of jobs."""

    def trash(self, operations: Iterable[str] | None = None) -> Trash:
        """The number of jobs in the trash of each operation, the oldest operation first.

        Operations without any are omitted. Without ``operations`` it scans all keys of the
        database, in bounded steps, which no other call does.
        """

    def close(self) -> None:
        """Close the connections."""


class Operator(Protocol):
    """Acts on jobs and queues, in atomic batches. Every action adds an audit entry.

    ``rate`` is the largest number of jobs per second. A job that is no longer in its location is
    skipped; a job for which the action is not allowed is refused; both are counted by reason.
    """

    def requeue(
        self,
        scope: Scope,
        *,
        trust: ReviewedEntries | None = None,
        watch: Watch | None = None,
        rate: float | None = None,
        front: bool = False,
    ) -> OperationResult:
        """Requeue dead jobs with all their retries; ``front``: as the next to run.

        Jobs without a valid signature are refused, except those in ``trust``, which are signed as
        reviewed.
        """

    def edit(self, raw: bytes, args: Sequence[Any], kwargs: Mapping[str, Any]) -> OperationResult:
        """Requeue a dead job (``raw`` is its element) with other arguments; the original is trashed.

        A job without a valid signature is refused.
        """

    def purge(self, scope: Scope, *, watch: Watch | None = None) -> OperationResult:
        """Move dead jobs, or the pending jobs of a queue, to the trash."""

    def restore(self, operation: str, *, watch: Watch | None = None) -> OperationResult:
        """Undo a purge, a cancel or an edit: move jobs from the trash back to their location.

        To undo an edit, the edited job is removed from its queue in the same step; this is refused
        if it is no longer pending.
        """

    def empty_trash(
        self, operations: Sequence[str], *, watch: Watch | None = None
    ) -> OperationResult:
        """Delete permanently what some operations moved to the trash."""

    def cancel(self, scope: Scope, *, watch: Watch | None = None) -> OperationResult:
        """Move pending or delayed jobs to the trash, with status ``cancelled`` in their records."""

    def stop_running(self, jobs: Sequence[ActiveJob], wait: float) -> OperationResult:
        """Cancel running jobs: ask their tasks to stop, and end their processes after ``wait`` seconds."""

    def cancel_lost(self, job_id: str) -> OperationResult:
        """Cancel an unfinished job that is in no location, and release its unique key."""

    def promote(self, scope: Scope, *, watch: Watch | None = None) -> OperationResult:
        """Move delayed jobs to their queues now."""

    def move(
        self,
        scope: Scope,
        *,
        to: str | None = None,
        front: bool = False,
        watch: Watch | None = None,
    ) -> OperationResult:
        """Move pending jobs to another queue, or to the front of theirs."""

    def import_dead(
        self, dead_jobs: Iterable[bytes], *, trust: bool = False, watch: Watch | None = None
    ) -> OperationResult:
        """Import exported dead jobs into the dead-letter queue, byte for byte."""

    def pause(
        self,
        queue: str,
        *,
        reason: str = "",
        lasts: float | None = None,
        ends: float | None = None,
    ) -> OperationResult:
        """Pause a queue, or change its pause: no worker claims from it; running jobs continue.

        It lasts until the queue is resumed, or for ``lasts`` seconds, or until ``ends`` (epoch seconds by
        Redis's clock). Raises UsageError for a reason that is too long, a length that no pause has, and
        an end that is not a moment or is too far away.
        """

    def resume(self, queue: str) -> OperationResult:
        """Resume a queue."""

    def add_hold(
        self, hold: Hold, *, lasts: float | None = None, ends: float | None = None
    ) -> OperationResult:
        """Keep matching jobs from starting: of ``hold`` the rule and the reason, with an id of its own.

        It is in force until it is released, or for ``lasts`` seconds, or until ``ends`` (epoch seconds by
        Redis's clock). Raises UsageError for a rule that cannot be, and as ``pause`` does.
        """

    def release_hold(
        self, hold: str, *, rate: float | None = None, watch: Watch | None = None
    ) -> OperationResult:
        """End a hold and return its jobs to their queues, as the next to run, in their order.

        Safe to repeat where it was interrupted. Raises UsageError for an unknown hold.
        """

    def remove_hold(self, hold: str) -> OperationResult:
        """Remove a hold that keeps no jobs. Raises UsageError for an unknown hold."""

    def set_limit(self, rule: LimitRule) -> OperationResult:
        """Set a limit on a queue, a task or an argument of it, instead of what is in force there.

        It is in force until it is reset. Raises UsageError for one that cannot be.
        """

    def reset_limit(self, rule: LimitRule) -> OperationResult:
        """Remove the limit that operators have set on what ``rule`` is about: what code declares counts.

        Raises UsageError where there is none.
        """

    def write_note(self, subject: NoteSubject, text: str) -> OperationResult:
        """Write or replace the note on a job, a queue or an error group; without a text remove it."""

    def quiet(self, worker: str) -> OperationResult:
        """Quiet a worker: it claims no new jobs; running jobs continue."""

    def resume_worker(self, worker: str) -> OperationResult:
        """Resume a quiet worker."""

    def stop(self, worker: str) -> OperationResult:
        """Stop a worker as SIGTERM does: it returns jobs that have not begun and finishes running ones."""

    def shape_worker(
        self,
        worker: str,
        *,
        concurrency: int | None = None,
        queues: tuple[str, ...] = (),
        reset: bool = False,
    ) -> OperationResult:
        """Order threads a process and queues of a worker; ``reset``: those that it was started with.

        What is not given stays as it is. Raises UsageError for an unknown worker, and Refused for one
        that would not follow: it is offline, stalled, stopping, or of an earlier release.
        """

    def stack(self, job_id: str, process: str, *, samples: int, patience: float) -> JobStack | None:
        """Ask a worker where the code of a job is. None: no answer within ``patience`` seconds.

        ``process`` runs the job. This changes no job and writes no audit entry.
        """

    def close(self) -> None:
        """Close the connections."""
