"""The operating side on Redis: every action in atomic batches, each with its audit entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from asok_core.backends.redis.audit import Operation, new_operation_id
from asok_core.backends.redis.calls.operations import (
    Cancel,
    MovedJob,
    MoveJobs,
    PromoteChosen,
    PromotedJob,
    Purge,
    PurgedJob,
    Requeue,
    RequeuedJob,
    StopRunning,
    WaitingJob,
)
from asok_core.backends.redis.calls.worker_orders import ShapeWorker, WorkerCommand
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.operating.emptying import empty_trash
from asok_core.backends.redis.operating.holding import add_hold, release_hold, remove_hold
from asok_core.backends.redis.operating.importing import import_dead
from asok_core.backends.redis.operating.job_builders import (
    JobBuilder,
    cancelled_delayed_job,
    cancelled_job,
    moved_job_builder,
    only,
    promoted_job,
    purged_job,
    requeued_job_builder,
)
from asok_core.backends.redis.operating.limiting import reset_limit, set_limit
from asok_core.backends.redis.operating.missing_jobs import end_lost
from asok_core.backends.redis.operating.moving import FRONT_AT_MOST, move_front
from asok_core.backends.redis.operating.notes import write_note
from asok_core.backends.redis.operating.pausing import pause, resume
from asok_core.backends.redis.operating.scopes import (
    expect_location,
    expect_name,
    expect_queue,
    spelled,
)
from asok_core.backends.redis.operating.session import OperatorSession
from asok_core.backends.redis.operating.stacks import ask_stack
from asok_core.backends.redis.operating.trash import purge_whole, restore
from asok_core.backends.redis.operating.walks import WalkedRange
from asok_core.backends.redis.parsing import raw as name_bytes
from asok_core.backends.redis.parsing import text
from asok_core.backends.redis.server_clock import epoch_seconds
from asok_core.backends.roles import ActiveJob, OperationResult, Scope, Watch
from asok_core.errors import Refused, UsageError
from asok_core.inspection.audit import EDIT
from asok_core.inspection.holds import Hold
from asok_core.inspection.limits import LimitRule
from asok_core.inspection.notes import NOTED, NoteKind, NoteSubject, audit_words
from asok_core.inspection.phrases import named
from asok_core.inspection.review import ReviewedEntries
from asok_core.inspection.rows import Row
from asok_core.inspection.stacks import JobStack
from asok_core.inspection.worker_shape import CONFIGURED, LONGEST_ORDER
from asok_core.inspection.workers import STALE_AFTER, STALE_PART
from asok_core.jobs.codec import check_arguments
from asok_core.jobs.envelope import Trust, peek
from asok_core.jobs.states import Location

WORKERS_READ = 500
"""Ids of workers that are compared with one that is not known."""
SHAPE_REFUSALS = {
    -2: "is offline: its lease has expired",
    -3: "is stopping; nothing else can be ordered of it",
    -4: "is of an earlier release, which does not carry out this order: restart it with other options",
    -5: "is stalled: it has sent no heartbeat for too long, and may not carry out the order",
}
"""Why a worker that has a lease is not ordered another shape."""

NOT_STOPPED = {
    0: "no longer running there",
    2: "this is a copy, or it has no record",
    3: "its cancellation was requested before",
}
"""Why a running job is not cancelled, by the reply of the script."""


class RedisOperator(OperatorSession):
    """Acts on jobs and queues. For any number of threads; raises Unreachable or Refused.

    ``keyring`` may be None: then what needs a signature raises SettingsError. ``who`` is what the
    audit says, ``user@host`` by default. ``records`` is the form of records that are written.
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
        """Dead jobs back to their queues with all retries, signed again; ``front``: as the next to run.

        Of those that are unsigned or whose signature is bad only the reviewed ones of ``trust`` are
        signed, byte for byte; the others are skipped, and without ``trust`` refused. Malformed ones always
        are. Raises SettingsError without SECRET_KEY.
        """
        expect_location(scope, Location.DEAD)
        mode = "front" if front else ""
        return self._requeue("requeue", scope, {}, mode, trust=trust, watch=watch, rate=rate)

    def edit(self, raw: bytes, args: Sequence[Any], kwargs: Mapping[str, Any]) -> OperationResult:
        """Requeue a dead job with other arguments; its original goes to the trash.

        ``raw`` are the bytes of its element as the operator saw it. One that has changed since is skipped,
        and so is another one of the same id. One without a good signature is refused: jobs are trusted as
        they are. Raises TypeError that names the argument which JSON cannot encode.
        """
        check_arguments(args, kwargs)
        changes = {"args": list(args), "kwargs": dict(kwargs)}
        key = Row(0, peek(raw), Location.DEAD, "").key
        scope = Scope(Location.DEAD, ids=frozenset((key,)), words=f"id:{key}")
        return self._requeue(EDIT, scope, changes, "keep", trust=None, raw=raw)

    def _requeue(
        self,
        action: str,
        scope: Scope,
        changes: Mapping[str, Any],
        mode: str,
        *,
        trust: ReviewedEntries | None,
        raw: bytes | None = None,
        watch: Watch | None = None,
        rate: float | None = None,
    ) -> OperationResult:
        keyring = self._keyring_for(action)
        if trust is not None:
            self._expect_fitting_key(keyring)
        with self._connection() as connection:
            now = epoch_seconds(connection.call("TIME"))
            note = "to the front" if mode == "front" else ""
            job_of = requeued_job_builder(
                keyring,
                now,
                changes,
                trust=trust,
                note=note,
                redaction=self._redaction,
                largest=self._largest,
            )
            if raw is not None:
                job_of = only(raw, job_of)
            thorough = trust is not None
            bulk = self._prepared(
                connection, action, scope, watch, rate, raw=raw, thorough=thorough
            )

            def unmoved(row: Row) -> None:
                if trust is not None and row.payload.trust is not Trust.SIGNED:
                    trust.undo_take(row.payload.raw)

            def build(part: WalkedRange, jobs: Sequence[RequeuedJob]) -> Requeue:
                return Requeue(
                    **bulk.operation.arguments(),
                    lo=part.lo,
                    hi=part.hi,
                    mode=mode,
                    records=self._records,
                    jobs=jobs,
                )

            return bulk.run(build, job_of, unmoved)

    def purge(self, scope: Scope, *, watch: Watch | None = None) -> OperationResult:
        """Dead jobs, or the pending jobs of a queue, to the trash.

        Everything in one go is a single RENAME, however long the list.
        """
        pending = scope.location is Location.PENDING
        if pending:
            expect_queue(scope)
        else:
            expect_location(scope, Location.DEAD)
        if scope.ids is None and scope.match is None and (pending or scope.queue is None):
            with self._connection() as connection:
                bulk = self._prepared(connection, "purge", scope, watch)
                done = purge_whole(bulk, self._key(scope))
                if done is not None:
                    return done
        if pending:
            return self._cancel("purge", scope, watch)
        with self._connection() as connection:
            bulk = self._prepared(connection, "purge", scope, watch)

            def build(part: WalkedRange, jobs: Sequence[PurgedJob]) -> Purge:
                return Purge(**bulk.operation.arguments(), lo=part.lo, hi=part.hi, jobs=jobs)

            return bulk.run(build, purged_job)

    def cancel(self, scope: Scope, *, watch: Watch | None = None) -> OperationResult:
        """Pending, held or delayed jobs to the trash, their records ``cancelled``."""
        if scope.location is Location.HELD:
            expect_name(scope.queue or "")
        elif scope.location is not Location.DELAYED:
            expect_queue(scope)
        return self._cancel("cancel", scope, watch)

    def stop_running(self, jobs: Sequence[ActiveJob], wait: float) -> OperationResult:
        """Cancel running jobs: their tasks are asked to stop; after ``wait`` seconds their processes end.

        A job that is no longer active is skipped. One operation, in a step for each job.
        """
        done, skipped = 0, Counter[str]()
        words = " ".join(f"id:{each.job_id}" for each in jobs[:3])
        with self._connection() as connection:
            operation = self._operation(connection, "cancel", Scope(Location.ACTIVE, words=words))
            for each in jobs:
                reply = connection.run(
                    StopRunning(
                        **operation.arguments(),
                        job_id=name_bytes(each.job_id),
                        process=name_bytes(each.process),
                        queue=name_bytes(each.queue),
                        envelope=each.envelope,
                        wait=wait,
                    )
                )
                done += reply == 1
                if reply != 1:
                    skipped[NOT_STOPPED[reply]] += 1
        return OperationResult("cancel", done, dict(skipped), operation=operation.id)

    def cancel_lost(self, job_id: str) -> OperationResult:
        """Close the record of an unfinished job that is in no location, and free its unique key.

        Skipped, with the reason, where that is not certain. There is no undo.
        """
        with self._connection() as connection:
            # It has no location.
            operation = Operation(
                self.keys,
                new_operation_id(connection),
                "cancel",
                self._who,
                self._where,
                words=f"id:{job_id} (lost)",
            )
            why = end_lost(connection, operation, job_id)
        return OperationResult("cancel", 0 if why else 1, {why: 1} if why else {})

    def _cancel(self, action: str, scope: Scope, watch: Watch | None) -> OperationResult:
        delayed = scope.location is Location.DELAYED
        queue = b"" if delayed else name_bytes(scope.queue or "")
        job_of: JobBuilder[WaitingJob] = cancelled_delayed_job if delayed else cancelled_job
        with self._connection() as connection:
            bulk = self._prepared(connection, action, scope, watch)

            def build(part: WalkedRange, jobs: Sequence[WaitingJob]) -> Cancel:
                return Cancel(
                    **bulk.operation.arguments(),
                    queue=queue,
                    hold=scope.hold,
                    lo=part.lo,
                    hi=part.hi,
                    jobs=jobs,
                )

            return bulk.run(build, job_of)

    def promote(self, scope: Scope, *, watch: Watch | None = None) -> OperationResult:
        """Delayed jobs to their queues now, as they are. Malformed ones are refused."""
        expect_location(scope, Location.DELAYED)
        with self._connection() as connection:
            bulk = self._prepared(connection, "promote", scope, watch)

            def build(_part: WalkedRange, jobs: Sequence[PromotedJob]) -> PromoteChosen:
                return PromoteChosen(**bulk.operation.arguments(), jobs=jobs)

            return bulk.run(build, promoted_job)

    def move(
        self,
        scope: Scope,
        *,
        to: str | None = None,
        front: bool = False,
        watch: Watch | None = None,
    ) -> OperationResult:
        """Pending jobs to queue ``to``, signed again, or with ``front`` to where workers take from.

        Raises UsageError when neither would change anything, no worker can serve such a queue, or too many
        jobs go to the front, and SettingsError without SECRET_KEY.
        """
        expect_queue(scope)
        if front:
            return self._move_front(scope)
        if not to or to == scope.queue:
            raise UsageError("name another queue to move the jobs to, or the front")
        expect_name(to)
        job_of = moved_job_builder(self._keyring_for("move"), to)
        source, target = name_bytes(scope.queue or ""), name_bytes(to)
        with self._connection() as connection:
            bulk = self._prepared(connection, "move", _worded(scope, f"to {to}"), watch)

            def build(part: WalkedRange, jobs: Sequence[MovedJob]) -> MoveJobs:
                return MoveJobs(
                    **bulk.operation.arguments(),
                    queue=source,
                    lo=part.lo,
                    hi=part.hi,
                    target=target,
                    jobs=jobs,
                )

            return bulk.run(build, job_of)

    def _move_front(self, scope: Scope) -> OperationResult:
        if scope.ids is None or len(scope.ids) > FRONT_AT_MOST:
            raise UsageError(f"name the jobs that go to the front, at most {FRONT_AT_MOST}")
        with self._connection() as connection:
            return move_front(
                self._prepared(connection, "move", _worded(scope, "to the front")),
                name_bytes(scope.queue or ""),
            )

    def restore(self, operation: str, *, watch: Watch | None = None) -> OperationResult:
        """Undo a purge, a cancel or an edit: the same bytes back to where they were.

        Raises UsageError when there is no such trash.
        """
        with self._connection() as connection:
            undoing = self._operation(connection, "restore", Scope(Location.TRASH, words=operation))
            return restore(connection, undoing, operation, watch)

    def empty_trash(
        self, operations: Sequence[str], *, watch: Watch | None = None
    ) -> OperationResult:
        """Delete for good what some operations moved to the trash, one operation in one step.

        This works on a full Redis and frees memory. Raises UsageError for what is not an id of one.
        """
        words = " ".join(operations)
        with self._connection() as connection:
            emptying = self._operation(
                connection, "empty", Scope(Location.TRASH, words=words or "everything")
            )
            return empty_trash(connection, emptying, operations, watch)

    def import_dead(
        self, dead_jobs: Iterable[bytes], *, trust: bool = False, watch: Watch | None = None
    ) -> OperationResult:
        """Make the dead jobs of an export dead jobs again, byte for byte.

        Those that are dead jobs already are skipped. A bad signature is refused unless ``trust``, and a
        job that waits or runs again always.
        """
        with self._connection() as connection:
            scope = Scope(Location.DEAD, words="an export")
            bulk = self._prepared(connection, "import", scope, watch)
            return import_dead(bulk, dead_jobs, trust=trust)

    def pause(
        self,
        queue: str,
        *,
        reason: str = "",
        lasts: float | None = None,
        ends: float | None = None,
    ) -> OperationResult:
        """No worker claims from the queue until it is resumed, or until its pause ends.

        Raises UsageError for a reason that is too long, and for a length that no pause may have.
        """
        scope = _queue_scope(queue)
        with self._connection() as connection:
            operation = self._operation(connection, "pause", scope)
            return pause(connection, operation, queue, reason=reason, lasts=lasts, ends=ends)

    def resume(self, queue: str) -> OperationResult:
        """Workers claim from the queue again, also before its pause ends."""
        scope = _queue_scope(queue)
        with self._connection() as connection:
            operation = self._operation(connection, "resume", scope)
            return resume(connection, operation, queue)

    def add_hold(
        self, hold: Hold, *, lasts: float | None = None, ends: float | None = None
    ) -> OperationResult:
        """Keep matching jobs from starting. Raises UsageError for a rule or a length that cannot be."""
        with self._connection() as connection:
            operation = self._hold_operation(connection, "hold", hold.words)
            return add_hold(connection, operation, hold, lasts=lasts, ends=ends)

    def release_hold(
        self, hold: str, *, rate: float | None = None, watch: Watch | None = None
    ) -> OperationResult:
        """End a hold and return its jobs in their order, in atomic batches.

        With a ``rate`` the oldest are returned first, else the oldest are the last and the next to run.
        """
        with self._connection() as connection:
            operation = self._hold_operation(connection, "release", f"hold:{hold}")
            return release_hold(connection, operation, hold, rate=rate, watch=watch)

    def remove_hold(self, hold: str) -> OperationResult:
        """Remove a hold that keeps no jobs. Raises UsageError for an unknown hold."""
        with self._connection() as connection:
            operation = self._hold_operation(connection, "remove hold", f"hold:{hold}")
            return remove_hold(connection, operation, hold)

    def set_limit(self, rule: LimitRule) -> OperationResult:
        """Set a limit, instead of a former one. Raises UsageError for one that cannot be."""
        with self._connection() as connection:
            words = f"{rule.words}: {rule.limit.text}"
            operation = self._hold_operation(connection, "set limit", words)
            return set_limit(connection, operation, rule)

    def reset_limit(self, rule: LimitRule) -> OperationResult:
        """Remove the limit that an operator has set. Raises UsageError where there is none."""
        with self._connection() as connection:
            operation = self._hold_operation(connection, "reset limit", rule.words)
            return reset_limit(connection, operation, rule)

    def _hold_operation(self, connection: Connection, action: str, words: str) -> Operation:
        scope = Scope(Location.HELD, words=words)
        return self._operation(connection, action, scope, of_jobs=False)

    def write_note(self, subject: NoteSubject, text: str) -> OperationResult:
        """Write or replace a note; without a text remove it.

        Raises UsageError for a text that is too long, and for what has no name that a note can be on.
        """
        with self._connection() as connection:
            return write_note(
                connection,
                self._operation(
                    connection,
                    NOTED,
                    Scope(
                        Location.ACTIVE,
                        queue=subject.name if subject.kind is NoteKind.QUEUE else None,
                        words=audit_words(subject),
                    ),
                    of_jobs=False,
                ),
                subject,
                text,
            )

    def quiet(self, worker: str) -> OperationResult:
        """A worker takes no new jobs; running jobs continue. Raises UsageError for an unknown worker."""
        return self._order("quiet", worker, "quiet")

    def resume_worker(self, worker: str) -> OperationResult:
        """A quiet worker claims again. Raises UsageError for an unknown worker."""
        return self._order("resume", worker, "")

    def stop(self, worker: str) -> OperationResult:
        """A worker ends as by SIGTERM: it returns what has not begun and finishes what runs.

        Raises UsageError for an unknown worker.
        """
        return self._order("stop", worker, "stop")

    def shape_worker(
        self,
        worker: str,
        *,
        concurrency: int | None = None,
        queues: tuple[str, ...] = (),
        reset: bool = False,
    ) -> OperationResult:
        """Order threads a process and queues of a worker, or what it was started with.

        Raises UsageError for an unknown worker, and Refused for one that would not follow.
        """
        if len(name_bytes(",".join(queues))) > LONGEST_ORDER:
            raise UsageError(f"the names of the queues have more than {LONGEST_ORDER:,} bytes")
        unset = CONFIGURED if reset else ""
        words = [f"worker:{worker}", *(["reset"] if reset else [])]
        words += [f"concurrency:{concurrency}"] if concurrency else []
        words += [f"queues:{','.join(queues)}"] if queues else []
        scope = Scope(Location.ACTIVE, words=" ".join(words))
        with self._connection() as connection:
            operation = self._operation(connection, "set worker", scope, of_jobs=False)
            changed = connection.run(
                ShapeWorker(
                    **operation.arguments(),
                    worker=name_bytes(worker),
                    concurrency=str(concurrency or unset),
                    queues=name_bytes(",".join(queues) or unset),
                    stale_after=STALE_AFTER,
                    stale_part=STALE_PART,
                )
            )
            if changed == -1:
                raise UsageError(self._no_worker(connection, worker))
            if changed < 0:
                raise Refused(f"worker {worker} {SHAPE_REFUSALS[changed]}")
        skipped = {} if changed else {"already ordered": 1}
        return OperationResult("set", changed, skipped, operation=operation.id)

    def stack(self, job_id: str, process: str, *, samples: int, patience: float) -> JobStack | None:
        """Ask the worker of ``process`` for stacks of a job. None: no answer in ``patience`` seconds."""
        with self._connection() as connection:
            return ask_stack(
                connection, self.keys, job_id, process, samples=samples, patience=patience
            )

    def _order(self, verb: str, worker: str, requested: str) -> OperationResult:
        scope = Scope(Location.ACTIVE, words=f"worker:{worker}")
        with self._connection() as connection:
            operation = self._operation(connection, verb, scope, of_jobs=False)
            changed = connection.run(
                WorkerCommand(
                    **operation.arguments(), worker=name_bytes(worker), requested=requested
                )
            )
            if changed < 0:
                raise UsageError(self._no_worker(connection, worker))
        skipped = {} if changed else {"already ordered": 1}
        return OperationResult(verb, changed, skipped, operation=operation.id)

    def _no_worker(self, connection: Connection, worker: str) -> str:
        ids = map(text, connection.call("ZRANGE", self.keys.workers, 0, WORKERS_READ))
        begin = sorted(each for each in ids if worker and each.startswith(worker))
        if begin:
            # What is only looked at may be named by the beginning of an id.
            all_of_it = "is the beginning of an id, and a command requires all of it"
            return f"{worker!r} {all_of_it}: {named(begin)}"
        return f"there is no worker {worker!r}; it may have ended"


def _queue_scope(queue: str) -> Scope:
    """A queue as a whole. Raises UsageError for what is not a name."""
    scope = Scope(Location.PENDING, queue=queue)
    expect_queue(scope)
    return scope


def _worded(scope: Scope, more: str) -> Scope:
    """The scope with words for the audit that say where its jobs go, too."""
    return replace(scope, words=f"{scope.words or spelled(scope)} {more}".strip())
