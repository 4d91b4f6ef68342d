"""The trash: a whole list into it by one RENAME, and everything back to where it was."""

from __future__ import annotations

from asok_core.backends.redis.audit import VALID_ID, Operation, read_operation, trash_problem
from asok_core.backends.redis.calls.operations import FinishPurge, PurgeAll
from asok_core.backends.redis.calls.ranges import ListHead
from asok_core.backends.redis.calls.trash import Restore, RestoreAll, RestoredJob
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.constants import REFUSALS
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.bulk import BulkOperation
from asok_core.backends.redis.operating.job_builders import as_bytes, sha, waiting_job
from asok_core.backends.redis.operating.scopes import resolve
from asok_core.backends.redis.operating.walks import (
    BATCH,
    BATCH_BYTES,
    WINDOW,
    ListWalk,
    batches,
)
from asok_core.backends.redis.parsing import raw as name_bytes
from asok_core.backends.roles import OperationResult, Progress, Watch
from asok_core.errors import Refused, UsageError
from asok_core.inspection.audit import EDIT, not_in_trash
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import peek
from asok_core.jobs.states import Location

NEWER_AT_ONCE = 2_000
"""Dead jobs that one script moves aside so that a RENAME can do the rest."""
COMPARISONS = 50_000_000
"""How much looking for neighbours a restore may cost Redis (three seconds); above, the jobs go to the
oldest end."""
COMPARISONS_AT_ONCE = 30_000
"""The same for one script (three milliseconds)."""
_EDITED = "edited"
"""In place of a location: the original returns to the dead jobs, and the edited job is removed."""


def purge_whole(bulk: BulkOperation, key: bytes) -> OperationResult | None:
    """Purge all of a list at once. None where its end of scope is not to be found: nothing is done.

    A queue's jobs are out of reach of workers from that moment; their records follow in batches.
    """
    scope, operation, connection = bulk.scope, bulk.operation, bulk.connection
    operation.begin(connection)
    for _ in range(3):
        resolved = bulk.resolved
        if resolved.bound is None or resolved.newer > NEWER_AT_ONCE:
            break
        queue = name_bytes(scope.queue or "") if scope.location is Location.PENDING else b""
        applied = connection.run(
            PurgeAll(
                **operation.arguments(),
                queue=queue,
                newest=sha(resolved.bound),
                newer=resolved.newer,
            )
        )
        if applied >= 0:
            bulk.counts.applied = applied
            if queue:
                retire(
                    connection,
                    operation.keys,
                    operation.id,
                    queue.decode("utf-8", "surrogateescape"),
                )
            bulk.watch and bulk.watch(Progress(applied, applied, applied))
            return bulk.finish("done")
        bulk.resolved = resolve(connection, scope, key)
    return None


def retire(connection: Connection, keys: Keys, operation: str, queue: str) -> None:
    """Give the record ``cancelled`` to the jobs that a purge of ``queue`` moved to the trash."""
    walk = ListWalk(name_bytes(keys.trash(operation)))
    while (window := walk.window(connection, WINDOW)).elements:
        rows = [
            (at, Row(0, peek(raw), Location.TRASH, queue)) for at, raw in enumerate(window.elements)
        ]
        for batch in batches(rows):
            part = window.part(batch[0][0], batch[-1][0])
            jobs = [
                waiting_job(row, f"{sha(row.payload.raw)}{at - batch[0][0]}") for at, row in batch
            ]
            connection.run(
                FinishPurge(ns=keys.namespace, op=operation, lo=part.lo, hi=part.hi, jobs=jobs)
            )
        walk.leave(window.elements)


def restore(
    connection: Connection, undoing: Operation, operation: str, watch: Watch | None
) -> OperationResult:
    """Restore the trash of ``operation``, as the action ``undoing``.

    Raises UsageError when there is none, and Refused when it cannot be read.
    """
    keys = undoing.keys
    if not VALID_ID.fullmatch(operation):
        raise UsageError(f"{operation!r} is not the id of an operation; asok trash list shows them")
    about = read_operation(connection, keys, operation)
    (reply,) = connection.pipeline([("LLEN", keys.trash(operation))])
    total = connection.checked(reply)
    if total is None:
        raise Refused(trash_problem(keys, operation))
    if not about or not total:
        raise UsageError(not_in_trash(operation))
    undoing.location, undoing.queue = about.get("place", Location.DEAD), about.get("queue", "")
    undoing.begin(connection)
    if about.get("action") == EDIT:
        return _restore_each(connection, undoing, operation, total, watch, location=_EDITED)
    dead = undoing.location == Location.DEAD
    if dead and not _locations_known(connection, keys, operation, total):
        return _restore_whole(connection, undoing, operation, total, watch)
    return _restore_each(connection, undoing, operation, total, watch)


def _locations_known(connection: Connection, keys: Keys, operation: str, total: int) -> bool:
    # A list that was renamed as a whole has kept its order, and needs no positions.
    known: int = connection.call("EXISTS", keys.trash_positions(operation))
    return known == 1 and total * connection.call("LLEN", keys.dead) <= COMPARISONS


def _restore_whole(
    connection: Connection, undoing: Operation, operation: str, total: int, watch: Watch | None
) -> OperationResult:
    applied, left, stopped = 0, total, False
    while left and not stopped:
        restored, left = connection.run(
            RestoreAll(**undoing.arguments(), undone=operation, most=NEWER_AT_ONCE)
        )
        applied += restored
        stopped = watch is not None and not watch(Progress(applied, total, applied))
    undoing.finish(connection, "cancelled" if stopped else "done", {})
    return OperationResult("restore", applied, {}, {}, undoing.id, stopped)


def _restore_each(
    connection: Connection,
    undoing: Operation,
    operation: str,
    total: int,
    watch: Watch | None,
    *,
    location: str = "",
) -> OperationResult:
    location = location or undoing.location
    trash = undoing.keys.trash(operation)
    applied, seen, stopped = 0, 0, False
    refused: dict[str, int] = {}
    batch = BATCH
    if location == Location.DEAD:
        # Beside a neighbour means that Redis looks for the neighbour, from the newest on.
        batch = max(
            1,
            min(WINDOW, COMPARISONS_AT_ONCE // max(1, connection.call("LLEN", undoing.keys.dead))),
        )
    while seen < total and not stopped:
        rows = _newest(connection, trash, min(batch, total - seen), undoing.queue)
        if not rows:
            break
        call = Restore(
            **undoing.arguments(),
            undone=operation,
            location=location,
            records=undoing.records,
            jobs=[_restored_job(row, with_error=location == _EDITED) for row in rows],
        )
        for flag in connection.run(call):
            seen += flag != 0
            applied += flag == 1
            if flag in REFUSALS:
                refused[REFUSALS[flag]] = refused.get(REFUSALS[flag], 0) + 1
        stopped = watch is not None and not watch(Progress(seen, total, applied))
    skipped = {"restored by someone else": total - seen} if seen < total and not stopped else {}
    counts = {f"skipped:{reason}": n for reason, n in skipped.items()}
    undoing.finish(connection, "cancelled" if stopped else "done", counts)
    return OperationResult("restore", applied, skipped, refused, undoing.id, stopped)


def _restored_job(row: Row, *, with_error: bool) -> RestoredJob:
    job = waiting_job(row, "")
    error = (row.payload.traceback or row.payload.error or "") if with_error else ""
    return RestoredJob(
        sha1=sha(row.payload.raw),
        id=job.id,
        queue=job.queue,
        task=job.task,
        unique=job.unique,
        error=as_bytes(error),
    )


def _newest(connection: Connection, trash: str, count: int, queue: str) -> list[Row]:
    rows: list[Row] = []
    size = 0
    while len(rows) < count and size < BATCH_BYTES:
        start = len(rows)
        stop = min(count, start + max(4, start)) - 1
        _, batch = connection.run(ListHead(elements=trash, start=start, stop=stop))
        for raw in batch:
            payload = peek(raw)
            home = queue or (payload.job.queue if payload.job else "")
            rows.append(Row(start, payload, Location.TRASH, home))
            size += len(raw)
        if not batch:
            break
    return rows
