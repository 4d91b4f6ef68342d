"""The progress of a job, the same on the command line and in the console."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, Context

from asok_console.presentation.compact import gauge
from asok_console.presentation.numbers import ago
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
    bar = f"{_bar(progress)} {_percent(progress, '{}'):>5}"
    note = safe(progress.note, LONGEST_NOTE)
    return f"{bar} {note}" if note else bar


def progress_line(record: JobRecord, now: float) -> str:
    """A bar, the numbers and the note of a record, and when it was reported; '' without a report."""
    progress = record.progress
    if progress is None:
        return ""
    bar = f"{_bar(progress)} " if progress.fraction is not None else ""
    # The time first: a note may be long.
    when = f"reported {ago(progress.at, now)}" if progress.at else "time not known"
    words = _with_note(f"{progress_text(progress._replace(note=''))}, {when}", progress)
    stopped = record.status not in (Status.RUNNING, Status.COMPLETED)
    return f"{bar}at {words}" if stopped else f"{bar}{words}"


def _with_note(amount: str, progress: JobProgress) -> str:
    note = safe(progress.note, LONGEST_NOTE)
    return f"{amount}: {note}" if note else amount


def _bar(progress: JobProgress) -> str:
    """A bar that is full only where all is done."""
    fraction = progress.fraction or 0.0
    is_done = progress.total is not None and progress.done >= progress.total
    return gauge(fraction if is_done else min(fraction, 1 - 1 / BAR), BAR)


def _percent(progress: JobProgress, form: str) -> str:
    if progress.total is None or progress.fraction is None:
        return ""
    percent = progress.done * 100 / progress.total
    if percent > MOST_PERCENT:
        return form.format(f">{MOST_PERCENT:,} %")
    # Rounded down, but for the error of the division: 0.29 of 1 is 28.999999999999996 %.
    whole = math.floor(round(percent, 9))
    # 100 % is shown only where all is done.
    return form.format(f"{min(whole, 99) if progress.done < progress.total else whole} %")


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    # Rounded down, so that what is done never looks like all of it; a tenth of large numbers is kept.
    digits = max(6, len(str(int(value))) + 1) if value < 1e15 else 6
    kept = Context(prec=digits, rounding=ROUND_DOWN).create_decimal(repr(value)).normalize()
    return f"{kept:,f}" if 1e-4 <= value < 1e15 else f"{kept:g}"
