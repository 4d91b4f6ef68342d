"""The end of the trash: what an operation removed is deleted for good, which frees its memory."""

from __future__ import annotations

from collections.abc import Sequence

from asok_core.backends.redis.audit import VALID_ID, Operation, read_operation
from asok_core.backends.redis.calls.trash import DeleteTrash
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.operating.trash import retire
from asok_core.backends.roles import OperationResult, Progress, Watch
from asok_core.errors import UsageError
from asok_core.jobs.states import Location

NOTHING = "nothing of it was in the trash"


def empty_trash(
    connection: Connection, emptying: Operation, operations: Sequence[str], watch: Watch | None
) -> OperationResult:
    """Delete the trash of ``operations``, one after the other, as the action ``emptying``.

    Raises UsageError for what cannot be the id of an operation.
    """
    for each in operations:
        if not VALID_ID.fullmatch(each):
            raise UsageError(f"{each!r} is not the id of an operation; asok trash list shows them")
    emptying.location = Location.TRASH
    emptying.begin(connection)
    applied = done = absent = 0
    stopped = False
    for done, each in enumerate(operations, 1):
        # A purge of a queue that was cut short has not yet marked all of its jobs as cancelled.
        about = read_operation(connection, emptying.keys, each)
        if about.get("place") == Location.PENDING and about.get("state") != "done":
            retire(connection, emptying.keys, each, about.get("queue") or "default")
        deleted = connection.run(DeleteTrash(**emptying.arguments(), emptied=each))
        applied += deleted
        absent += not deleted
        if watch is not None and not watch(Progress(done, len(operations), applied)):
            stopped = done < len(operations)
            break
    skipped = {NOTHING: absent} if absent else {}
    counts = {f"skipped:{reason}": n for reason, n in skipped.items()}
    emptying.finish(connection, "cancelled" if stopped else "done", counts)
    return OperationResult("empty", applied, skipped, {}, emptying.id, stopped)
