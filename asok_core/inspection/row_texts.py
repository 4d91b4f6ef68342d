"""What a filter compares of a row: texts without regard to case, its status and its time."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.inspection.argument_paths import value_text
from asok_core.inspection.redaction import shown_raw
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Trust
from asok_core.jobs.states import Location

TRUSTS = {
    Trust.SIGNED: "signed",
    Trust.UNVERIFIED: "unverified",
    Trust.UNSIGNED: "unsigned",
    Trust.BAD: "bad",
    Trust.V1: "v1",
    Trust.MALFORMED: "malformed",
    Trust.OVERSIZED: "oversized",
}
"""What the signature of a job is worth, in a word."""

LOCATION_TEXTS = {
    Location.PENDING: "is pending",
    Location.DELAYED: "is delayed",
    Location.HELD: "is held",
    Location.ACTIVE: "is running",
    Location.DEAD: "is dead",
    Location.TRASH: "is in the trash",
    Location.FINISHED: "has finished",
}
"""What a job is by its location: why an operation does not concern it, or which jobs it does."""

_STATUS_OF_LOCATION = {
    Location.PENDING: "pending",
    Location.HELD: "held",
    Location.ACTIVE: "running",
    Location.DEAD: "failed",
    Location.FINISHED: "completed",
    Location.TRASH: "cancelled",
}


def status_of(row: Row) -> str:
    """The status of a job by its location, or by its record where that knows more."""
    if row.record is not None and row.location is Location.FINISHED:
        return str(row.record.status)
    if row.location is Location.DELAYED:
        retried = row.payload.job is not None and row.payload.job.retry_count > 0
        return "retrying" if retried else "scheduled"
    return _STATUS_OF_LOCATION[row.location]


def time_of(row: Row) -> float | None:
    """When it failed, started, ended or was enqueued, whichever its list is about."""
    if row.location is Location.DEAD:
        return row.payload.failed_at
    if row.location in (Location.ACTIVE, Location.FINISHED):
        return row.at
    if row.payload.job is not None and row.payload.job.enqueued_at is not None:
        return row.payload.job.enqueued_at
    return row.record.enqueued_at if row.record else None


def task_of(row: Row) -> str:
    """The name of its task."""
    if row.payload.job is not None:
        return row.payload.job.task.casefold()
    return row.record.function.casefold() if row.record else ""


def id_of(row: Row) -> str:
    """Its id."""
    return (row.payload.id or (row.record.id if row.record else "")).casefold()


def error_of(row: Row) -> str:
    """Its last error, in one line where that is known."""
    if row.payload.error is not None:
        return row.payload.error.casefold()
    record = row.record.error if row.record else None
    return (record or row.payload.problem or "").casefold()


def traceback_of(row: Row) -> str:
    """Its traceback."""
    # The error of a record is a traceback, which ends with the error in one line.
    record = row.record.error if row.record else None
    return (row.payload.traceback or record or "").casefold()


def holds_anywhere(row: Row, value: str) -> bool:
    """Whether its task, id, queue, error or arguments hold a text."""
    return (
        value in task_of(row)
        or value in id_of(row)
        or value in row.queue.casefold()
        or value in error_of(row)
        or has_argument(row, value)
    )


def has_task(row: Row, value: str) -> bool:
    """Whether the name of the task holds a text; ``=name``: whether it is that name."""
    task = task_of(row)
    return task == value[1:] if value.startswith("=") else value in task


def has_argument(row: Row, value: str) -> bool:
    """Whether an argument holds a text; ``name=value``: whether that keyword argument is that value."""
    job = row.payload.job
    if job is None or row.partial:
        # Only bytes are known: what is malformed, or the beginning of what is large.
        return value in shown_raw(row.payload).casefold()
    name, equals, expected = value.partition("=")
    if equals and any(
        key.casefold() == name and _text(argument) == expected
        for key, argument in job.kwargs.items()
    ):
        return True
    return any(value in leaf for leaf in _leaves([job.args, job.kwargs]))


def _leaves(root: object) -> Iterator[str]:
    stack = [root]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack += value.values()
        elif isinstance(value, list | tuple):
            stack += value
        else:
            yield _text(value)


def _text(value: object) -> str:
    return value_text(value).casefold()
