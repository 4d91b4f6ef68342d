"""Why an answer to what an operation asks for is not valid, where the answer alone says it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from asok_core.errors import UsageError
from asok_core.inspection.pauses import length_problem
from asok_core.settings.durations import parse_duration


def number_problem(answer: str, most: float, *, whole: bool) -> str:
    """Why it is not a number above 0 and up to ``most``, or an empty string."""
    try:
        number = float(answer)
    except ValueError:
        return f"{answer!r} is not a number"
    if whole and not answer.isdigit():
        return f"{answer!r} is not a whole number"
    if 0 < number <= most:
        return ""
    return f"it must be {'from 1 to' if whole else 'above 0 and at most'} {most:,.0f}"


def new_file_problem(answer: str) -> str:
    """Why no file can be made by this name, or an empty string."""
    if not answer or answer == "-":
        return "a file needs a name"
    try:
        path = Path(answer).expanduser()
        if path.exists() or path.is_symlink():
            return "it exists already, and is never overwritten"
        return "" if path.parent.is_dir() else f"there is no folder {path.parent}"
    except (OSError, ValueError, RuntimeError) as error:
        return str(error)


def file_name() -> str:
    """The name of a file for dead jobs that are exported now."""
    return time.strftime("dead-jobs-%Y%m%d-%H%M%S.jsonl")


def duration_problem(answer: str) -> str:
    """Why it is not the length of a pause, or an empty string. No answer is valid."""
    try:
        return length_problem(parse_duration(answer)) if answer else ""
    except ValueError as error:
        return str(error)


def error_of(read: Callable[[str], object], answer: str) -> str:
    """Why it cannot be read, or an empty string."""
    try:
        read(answer)
    except UsageError as error:
        return str(error)
    return ""
