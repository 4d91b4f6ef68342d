"""The four roles a backend plays. Whoever only reads holds a Reader, which has no write at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from asok_core.inspection.audit import Activities, Trash
from asok_core.inspection.review import Reviewed
from asok_core.inspection.snapshot import Bucket, JobDetail, KeyCheck, Page, Row, Snapshot
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Location


@dataclass(frozen=True, slots=True)
class Scope:
    """What a bulk action is about, frozen when it was confirmed.

    Exactly one of ``ids``, ``match`` or neither (everything) is given. ``limit`` is the number of
    letters there were, ``before`` the time of the confirmation (Redis clock): what dies later is out.
    ``words`` is the filter as the operator typed it, for the audit.
    """

    location: Location
    queue: str | None = None
    ids: frozenset[str] | None = None
    match: Callable[[Row], bool] | None = None
    words: str = ""
    before: float | None = None
    limit: int | None = None
    boundary: str = ""
    """``snapshot.digest`` of the newest element when it was confirmed. Where it is still there it
    freezes the scope exactly, and ``before`` (which other machines' clocks wrote) is not needed."""
    expected: int | None = None
    """How many jobs ``match`` had found when it was confirmed; those of them that it does not find
    again are counted as skipped."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What an operator's action did. ``refused`` and ``skipped`` count by reason."""

    action: str
    applied: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """Changed state meanwhile: gone, already requeued."""
    refused: dict[str, int] = field(default_factory=dict)
    """Must not be done: unsigned, bad signature, malformed."""
    operation: str | None = None
    """Id of the trash that an undo restores, if there is one."""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a bulk action is. ``scanned`` of ``total`` looked at, ``applied`` done."""

    scanned: int
    total: int
    applied: int


GONE = "no longer there"
"""Why a job is skipped that was in scope and has left its location."""
UNMET = "no longer there when its turn came"
"""Why a job that was confirmed was not met: others were quicker, or its filter no longer finds it."""

Watch = Callable[[Progress], bool]
"""Called after each batch; returning False stops the action before the next one."""


class Reader(Protocol):
    """Looks, and changes nothing. Every call costs the same however long the queues are."""

    def snapshot(self, *, rates: bool = True, jobs: bool = True) -> Snapshot:
        """The state of everything, in at most three round trips.

        Without ``rates`` no statistics; without ``jobs`` the running jobs are counted, and named as
        they were when last read.
        """

    def history(self, queue: str | None, width: int, count: int) -> tuple[Bucket, ...]:
        """``count`` buckets of ``width`` seconds (10 or 60), oldest first; None: all queues."""

    def pending(self, queue: str, start: int, count: int, *, whole: bool = False) -> Page:
        """Pending jobs in execution order. ``whole``: large jobs with all of their bytes."""

    def next_jobs(self, queues: Sequence[str], count: int) -> dict[str, Page]:
        """The next ``count`` jobs of each queue in execution order, in one round trip."""

    def delayed(self, start: int, count: int, *, whole: bool = False) -> Page:
        """Delayed jobs, soonest first, with their records."""

    def due(self, now: float, width: float, count: int) -> tuple[int, ...]:
        """How many delayed jobs fall due in each of ``count`` stretches of ``width`` seconds.

        The first stretch begins ``now`` (epoch seconds); what is due already is in none.
        """

    def dead(self, start: int, count: int, *, whole: bool = False) -> Page:
        """Dead jobs, newest first."""

    def running(self) -> tuple[Row, ...]:
        """Jobs that workers hold right now, longest first."""

    def recent(self, start: int, count: int) -> Page:
        """Jobs that finished lately, newest first, with their records."""

    def records(self, job_ids: Sequence[str]) -> dict[str, JobRecord]:
        """The records of some jobs by id; those without one are left out."""

    def job(
        self, job_id: str, *, near: Row | None = None, patience: float | None = None
    ) -> JobDetail | None:
        """All there is of one job, or None. ``near``: where a list showed it.

        It is looked for during ``patience`` seconds at most; see ``JobDetail.complete``.
        """

    def scan(
        self, location: Location, queue: str | None = None, batch: int = 500, *, whole: bool = False
    ) -> Iterator[Page]:
        """Every row of a place in windows, oldest first, for searches; safe while the list grows."""

    def activity(self, count: int) -> Activities:
        """What operators did lately, newest first, with what can still be undone."""

    def check_key(self) -> KeyCheck:
        """Whether SECRET_KEY verifies the signatures of a small sample of jobs."""

    def trash(self, operations: Iterable[str] | None = None) -> Trash:
        """How many jobs the trash of each operation holds, the oldest operation first.

        An operation without any is left out. Without ``operations`` it looks at every key of the
        database, in bounded steps, which no other call does.
        """

    def close(self) -> None:
        """Give the connections back."""


class Operator(Protocol):
    """Acts on jobs and queues, one atomic batch at a time. Every action leaves an audit entry.

    ``rate`` is at most so many jobs a second. A letter or job that changed state meanwhile is
    skipped; one that must not be moved is refused; both are counted by reason.
    """

    def requeue(
        self,
        scope: Scope,
        *,
        trust: Reviewed | None = None,
        watch: Watch | None = None,
        rate: float | None = None,
        front: bool = False,
    ) -> CommandResult:
        """Dead jobs back to their queues with all retries; ``front``: as the next to run.

        Without a good signature only those of ``trust`` are signed, as they were reviewed.
        """

    def edit(self, raw: bytes, args: Sequence[Any], kwargs: Mapping[str, Any]) -> CommandResult:
        """Requeue a dead job (its element as it was read) with other arguments; the original to the trash.

        One without a good signature is refused.
        """

    def purge(self, scope: Scope, *, watch: Watch | None = None) -> CommandResult:
        """Dead letters, or the pending jobs of a queue, to the trash."""

    def restore(self, operation: str, *, watch: Watch | None = None) -> CommandResult:
        """Undo a purge, a cancel or an edit: the trash back to where it was.

        Of an edit the edited job leaves its queue in the same step; where it is no longer pending, that is
        refused.
        """

    def empty_trash(
        self, operations: Sequence[str], *, watch: Watch | None = None
    ) -> CommandResult:
        """Delete what some operations moved to the trash, for good."""

    def cancel(self, scope: Scope, *, watch: Watch | None = None) -> CommandResult:
        """Pending or delayed jobs to the trash, their records ``cancelled``."""

    def cancel_lost(self, job_id: str) -> CommandResult:
        """Close the record of an unfinished job that is in no place, and free its unique key."""

    def promote(
        self, scope: Scope, *, watch: Watch | None = None, rate: float | None = None
    ) -> CommandResult:
        """Delayed jobs to their queues now."""

    def move(
        self,
        scope: Scope,
        *,
        to: str | None = None,
        front: bool = False,
        watch: Watch | None = None,
    ) -> CommandResult:
        """Pending jobs to another queue, or to the front of theirs, where workers take from."""

    def import_dead(
        self, dead_jobs: Iterable[bytes], *, trust: bool = False, watch: Watch | None = None
    ) -> CommandResult:
        """Dead letters of an export back among the dead letters, byte for byte."""

    def pause(self, queue: str) -> CommandResult:
        """No worker claims from the queue until it is resumed; what runs goes on."""

    def resume(self, queue: str) -> CommandResult:
        """Workers claim from the queue again."""

    def quiet(self, worker: str) -> CommandResult:
        """A worker claims no more; what it runs goes on."""

    def resume_worker(self, worker: str) -> CommandResult:
        """A quiet worker claims again."""

    def stop(self, worker: str) -> CommandResult:
        """A worker ends as by SIGTERM: it returns what has not begun and finishes what runs."""

    def close(self) -> None:
        """Give the connections back."""
