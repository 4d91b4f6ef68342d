"""How far a running job has come, as its task reports it, and as Redis keeps it.

A record keeps the last report of each of its last ten attempts: a line of JSON each, which begins with the
start of the attempt (see ``reports.lua``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from operator import index
from typing import NamedTuple, SupportsFloat, SupportsIndex

from asok_core.jobs.numbers import LARGEST, number

LONGEST_NOTE = 200
"""Characters of a note that are kept."""
LONGEST_READ = 2_000
"""Characters of a note that are looked at."""
LONGEST_TEXT = 65_536
"""Bytes of the reports of a record: ten of them take 25,000 at most."""
SAME = 0.001
"""Seconds within which two starts are one and the same."""
CUT = "…"


class JobProgress(NamedTuple):
    """A report of a running job: ``done`` of ``total``, which is None where only ``done`` is counted.

    ``note`` is a line of text, ``at`` when it was reported (epoch seconds). ``done`` may be
    more than ``total``.

    Examples:
        >>> JobProgress(40, 100, "loading page 3").fraction
        0.4
        >>> JobProgress(40).fraction is None
        True
    """

    done: float
    total: float | None = None
    note: str = ""
    at: float = 0.0

    @property
    def fraction(self) -> float | None:
        """``done`` as a part of ``total``; None without one. More than 1 where more is done."""
        return self.done / self.total if self.total else None


def checked(done: object, total: object, note: object, at: float) -> JobProgress:
    """A report of these values. Raises TypeError or ValueError that names the one that is invalid."""
    if not isinstance(note, str):
        raise TypeError(f"note is {_kind(note)}; it must be a string")
    amount = _amount("done", done)
    whole = None if total is None else _amount("total", total)
    # The slice of a subclass may be anything.
    return JobProgress(amount, whole, str.__getitem__(note, slice(LONGEST_READ)), at)


def _amount(name: str, value: object) -> float:
    if isinstance(value, bool):
        raise TypeError(f"{name} is {_kind(value)}; it must be a number")
    if not isinstance(value, int | float):
        # Numbers of other libraries, such as numpy's, can be converted.
        if isinstance(value, SupportsIndex):
            value = index(value)
        elif isinstance(value, SupportsFloat):
            value = float(value)
        else:
            raise TypeError(f"{name} is {_kind(value)}; it must be a number")
    if not 0 <= value <= LARGEST:
        # NaN is not in the range either. A whole number may have more digits than can be shown.
        shown = value if isinstance(value, float) or abs(value) < 10**30 else "too large"
        raise ValueError(f"{name} is {shown}; it must be a number from 0 to {LARGEST:g}")
    # A subclass may run code of the application wherever it is used.
    return int(value) if isinstance(value, int) else float(value)


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def as_kept(progress: JobProgress, hide: Callable[[str], str]) -> JobProgress:
    """The report with its note as one bounded line, from which ``hide`` has removed hidden values."""
    if not progress.note:
        return progress
    note = " ".join(hide(progress.note).split())
    if len(note) > LONGEST_NOTE:
        note = note[: LONGEST_NOTE - len(CUT)] + CUT
    return progress._replace(note=note)


def encoded(started: str, progress: JobProgress) -> str:
    """The line of the attempt that began at ``started``, as records hold times."""
    done, total, note, at = progress
    return json.dumps([started, round(at, 3), done, total, note], separators=(",", ":"))


def decoded(text: object) -> dict[float, JobProgress]:
    """The reports in a record, by the start of their attempts. An invalid line is left out."""
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        return {}
    found = (_of_line(line) for line in text.split("\n") if line)
    return dict(each for each in found if each is not None)


def _of_line(line: str) -> tuple[float, JobProgress] | None:
    try:
        began, at, done, total, note = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    started, amount, whole = number(began), _count(done), _count(total)
    if started is None or amount is None or not isinstance(note, str):
        return None
    if whole is None and total is not None:
        return None
    return started, JobProgress(amount, whole, note[:LONGEST_NOTE], number(at) or 0.0)


def _count(value: object) -> float | None:
    found = number(value) if not isinstance(value, bool | str) else None
    if found is None or found < 0:
        return None
    return int(value) if isinstance(value, int) else found


def reported_by(
    reports: Mapping[float, JobProgress], started_at: float | None
) -> JobProgress | None:
    """What the attempt that began then reported last, or None."""
    if started_at is None:
        return None
    return next(
        (
            each
            for start, each in reports.items()
            if math.isclose(start, started_at, abs_tol=SAME, rel_tol=0)
        ),
        None,
    )
