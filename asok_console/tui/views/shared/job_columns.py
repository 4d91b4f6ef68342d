"""Cells that several lists of jobs share."""

from __future__ import annotations

from collections.abc import Sequence

from asok_console.presentation.calls import arguments_of
from asok_console.presentation.compact import ago
from asok_console.presentation.notes import MARK
from asok_console.tui.widgets.columns import Cell, Column
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import UNTRUSTED, Payload, Trust
from asok_core.jobs.states import Location, Status

CLAIMED = "claimed"
"""What is shown of a job that a worker holds and has not begun."""

STATUS: dict[str, tuple[str, str]] = {
    CLAIMED: ("○", "dim"),
    Status.PENDING: ("○", "dim"),
    Status.SCHEDULED: ("◷", "calm"),
    Status.HELD: ("‖", "warn"),
    Status.RUNNING: ("▶", "info"),
    Status.RETRYING: ("↻", "warn"),
    Status.COMPLETED: ("✓", "good"),
    Status.FAILED: ("✗", "bad"),
    Status.CANCELLED: ("⊘", "dim"),
}
"""Glyph and tone of each status."""

SHORT_ID, LONG_ID = 8, 36


def status_cell(status: str) -> Cell:
    """Glyph and word of a status; an unknown one is shown as it is."""
    glyph, tone = STATUS.get(status, ("?", "warn"))
    return f"{glyph} {status}", tone


def row_status(row: Row) -> str:
    """The status of a row: what a worker does with it, else what its record says."""
    if row.location is Location.ACTIVE:
        return Status.RUNNING if row.at is not None else CLAIMED
    return str(row.record.status) if row.record else ""


def task_name(payload: Payload) -> str:
    """``module.function``, or an empty string where the job cannot be read."""
    return payload.job.task if payload.job else ""


def task_text(row: Row) -> str:
    """``module.function  id`` on one line."""
    return f"{known_task(row)}  {job_id(row)[:SHORT_ID]}"


def task_cell(row: Row, _now: float) -> Cell:
    """``module.function``; for an unreadable envelope the reason. A mark stands for a note on the job."""
    name = known_task(row)
    text = name or f"({row.payload.problem or 'unreadable'})"
    return f"{text} {MARK}" if row.noted else text, "" if name else "warn"


def known_task(row: Row) -> str:
    """The name of its task, from the envelope or the record; '' where it is not known."""
    return task_name(row.payload) or (row.record.function if row.record else "") or ""


def arguments_cell(row: Row, _now: float) -> Cell:
    """The arguments as in a call."""
    return arguments_of(row.payload), "dim"


def id_cell(row: Row, _now: float) -> Cell:
    """The id; ``ID_COLUMN`` shows as much of it as distinguishes jobs, or all of it."""
    return job_id(row), "dim"


def job_id(row: Row) -> str:
    """The id of a row's job; of what cannot be read, a digest."""
    if row.payload.id or row.record:
        return row.payload.id or (row.record.id if row.record else "")
    # Of a finished job that has lost its record, the id is all there is.
    return (
        row.payload.raw.decode(errors="replace") if row.location is Location.FINISHED else row.key
    )


def names_a_job(row: Row) -> bool:
    """Whether there is anything by which its job can be looked for."""
    return bool(row.payload.id) or row.location is Location.FINISHED


def queue_cell(row: Row, _now: float) -> Cell:
    """The queue."""
    return row.queue, "dim"


def attempt_cell(row: Row, _now: float) -> Cell:
    """``2 of 4``: which attempt comes next."""
    job = row.payload.job
    if job is None:
        return ""
    return f"{job.attempt} of {job.attempts}", "warn" if job.retry_count else "dim"


def waits_cell(row: Row, now: float) -> Cell:
    """For how long it has been pending."""
    return ago(row.payload.job.waits_since(now) if row.payload.job else None, now)


def attempts_spent_cell(row: Row, _now: float) -> Cell:
    """``4 of 4``: attempts of a dead job."""
    job = row.payload.job
    return (f"{job.attempt} of {job.attempts}", "dim") if job else ""


def error_cell(row: Row, _now: float) -> Cell:
    """Why it failed; an envelope that is not trusted says so first."""
    error = row.payload.error or row.payload.problem or ""
    if row.payload.trust is Trust.MALFORMED or row.payload.trust in UNTRUSTED:
        return f"⚠ {row.payload.trust}: {error}", "warn"
    if row.payload.trust is Trust.OVERSIZED:
        return f"⚠ {row.payload.problem}", "warn"
    return error, "bad"


ID_COLUMN: Column[Row] = Column("Id", SHORT_ID, id_cell, rank=1, wide=LONG_ID)
"""The id in every list: its beginning, by which one names a job, and all of it where there is room."""
QUEUE_COLUMN: Column[Row] = Column("Queue", 9, queue_cell, grow=1, most=24, rank=2, middle=True)
ARGUMENTS_COLUMN: Column[Row] = Column("Arguments", 40, arguments_cell, grow=2, most=80, rank=5)
"""The arguments where they are not what the list is about: on wide screens."""
WAITING_COLUMNS: Sequence[Column[Row]] = (
    Column("#", 7, lambda row, _: (f"{row.position + 1:,}", "dim"), right=True),
    Column("Task", 22, task_cell, grow=1, most=40, tail=True),
    Column("Arguments", 20, arguments_cell, grow=3, most=80, rank=1),
    Column("Waits", 6, waits_cell, right=True),
    Column("Attempt", 8, attempt_cell, rank=2),
    ID_COLUMN,
)
"""The columns of jobs in the order in which they will run: pending ones, and those that a hold keeps."""
