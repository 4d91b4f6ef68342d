"""The checkpoint of a job and its interruptions, the same on the command line and in the console."""

from __future__ import annotations

from typing import Any

from asok_console.presentation.numbers import ago
from asok_console.presentation.text import plain_json
from asok_core.jobs.checkpoint import JobCheckpoint
from asok_core.jobs.job import JobRecord

LONGEST = 200
"""Characters of a cursor that are shown."""


def cursor_value(checkpoint: JobCheckpoint) -> Any:
    """The cursor; its text where that is not JSON, since a part of it is hidden."""
    try:
        return checkpoint.cursor
    except (ValueError, RecursionError):
        return checkpoint.text


def checkpoint_line(record: JobRecord, now: float) -> str:
    """The cursor and when it was kept; '' without a checkpoint."""
    made = record.checkpoint
    if made is None:
        return ""
    # The time first: a cursor may be long.
    when = f"made {ago(made.at, now)}" if made.at else "time not known"
    return f"{when}: {plain_json(cursor_value(made), limit=LONGEST)}"


def interruptions_line(record: JobRecord) -> str:
    """How often the job was interrupted; '' for never."""
    if not record.interruptions:
        return ""
    times = "once" if record.interruptions == 1 else f"{record.interruptions:,} times"
    return f"{times}, uncounted"
