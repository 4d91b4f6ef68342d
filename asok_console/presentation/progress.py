"""The progress of a job, the same on the command line and in the console."""

from __future__ import annotations

import math

from asok_console.presentation.compact import ago, gauge
from asok_console.presentation.text import safe
from asok_core.jobs.job import JobRecord
from asok_core.jobs.progress import LONGEST_NOTE, JobProgress
from asok_core.jobs.states import Status

BAR = 8
"""Cells of a bar."""
MOST_PERCENT = 9_999


def progress_text(progress: JobProgress) -> str:
    """``40 of 100 (40 %): loading page 3``."""
    amount = _number(progress.done)
    if progress.total is not None:
        amount += f" of {_number(progress.total)}{_percent(progress, ' ({})')}"
    return _with_note(amount, progress)


def progress_cell(progress: JobProgress) -> str:
    """``███░░░░░  40 % loading page 3``, for lists; without a total the count."""
    if progress.fraction is None:
        return progress_text(progress)
    bar = f"{gauge(progress.fraction, BAR)} {_percent(progress, '{}'):>5}"
    note = safe(progress.note, LONGEST_NOTE)
    return f"{bar} {note}" if note else bar


def progress_line(record: JobRecord, now: float) -> str:
    """A bar, the numbers and the note of a record, and when it was reported; '' without a report."""
    progress = record.progress
    if progress is None:
        return ""
    bar = f"{gauge(progress.fraction, BAR)} " if progress.fraction is not None else ""
    # The time first: a note may be long.
    when = f"reported {ago(progress.at, now)} ago" if progress.at else "time not known"
    words = _with_note(f"{progress_text(progress._replace(note=''))}, {when}", progress)
    stopped = record.status not in (Status.RUNNING, Status.COMPLETED)
    return f"{bar}at {words}" if stopped else f"{bar}{words}"


def _with_note(amount: str, progress: JobProgress) -> str:
    note = safe(progress.note, LONGEST_NOTE)
    return f"{amount}: {note}" if note else amount


def _percent(progress: JobProgress, form: str) -> str:
    if progress.fraction is None:
        return ""
    # Rounded down: 100 % is shown only where all is done.
    return form.format(f"{math.floor(min(progress.fraction * 100, MOST_PERCENT))} %")


def _number(value: float) -> str:
    whole = value == int(value) and abs(value) < 1e15
    return f"{int(value):,}" if whole else f"{value:,.6g}"
