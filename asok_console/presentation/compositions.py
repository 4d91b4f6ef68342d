"""A composition as the command line and the console write it."""

from __future__ import annotations

import math

from asok_console.presentation import numbers
from asok_core.inspection.composition import Composition
from asok_core.inspection.group_counts import MOST_VALUES, CompositionLine
from asok_core.inspection.phrases import counted

_DIGITS = 2
"""Significant digits of an estimate."""


def jobs(line: CompositionLine, found: Composition) -> str:
    """How many jobs a line has; an estimate in two digits: ``≈240,000``."""
    return amount(line.jobs, exact=found.is_exact)


def amount(number: int, *, exact: bool) -> str:
    """A number of jobs; an estimate in two digits: ``≈240,000``."""
    if exact:
        return numbers.count(number)
    zeros = max(len(str(number)) - _DIGITS, 0)
    return f"≈{numbers.count(round(number, -zeros))}"


def error(share: float) -> str:
    """An error in percentage points, rounded up: ``±2 %``, ``±0.3 %``."""
    percent = share * 100
    if percent >= 1:
        return f"±{math.ceil(percent - 1e-9)} %"
    return f"±{max(math.ceil(percent * 10 - 1e-9), 1) / 10:.1f} %"


def basis(found: Composition) -> str:
    """What the figures are from: ``all 1,204 jobs``, ``sample of 2,000 of 1,200,000 jobs, ±2 %``."""
    if found.is_exact:
        return f"all {counted(found.total, 'job')}" if found.total != 1 else "1 job"
    return f"sample of {found.read:,} of {counted(found.total, 'job')}, {error(found.error)}"


def values(line: CompositionLine) -> str:
    """How many values a path has among the jobs that were read."""
    if line.values is None:
        return ""
    if not line.values:
        return "redacted"
    return f"{line.values:,}+" if line.values >= MOST_VALUES else f"{line.values:,}"
