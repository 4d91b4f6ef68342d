"""Values of options, read with the option's name in the error."""

from __future__ import annotations

from collections.abc import Callable

from asok_console.commands.support.documents import say
from asok_core.errors import UsageError
from asok_core.inspection import filters
from asok_core.inspection.filters import Filter
from asok_core.inspection.moments import read_moment_to_come
from asok_core.jobs.states import Location
from asok_core.settings import kinds
from asok_core.settings.declaration import shown
from asok_core.settings.durations import parse_duration


def filter_of(text: str, location: Location | None) -> Filter:
    """The filter of ``--filter``, with a warning of what it asks that is not known of jobs there.

    Raises UsageError.
    """
    chosen = filters.parse(text)
    for field in chosen.unknown_in(location) if location is not None else ():
        say(f"the {field} of {location} jobs is not known: no job matches {field}:")
    return chosen


def filter_to_act_on(text: str | None, location: Location) -> Filter | None:
    """The same for jobs that are acted on; None where no filter was given.

    Raises UsageError, also for an empty filter, which would select all.
    """
    chosen = filter_of(text, location) if text is not None else None
    if chosen is not None and not chosen:
        raise UsageError("--filter is empty; --all selects all jobs")
    return chosen


def whole_number(option: str, text: str, least: int, most: int) -> int:
    """A whole number of an option. Raises UsageError."""
    kind = kinds.whole_number(least, most)
    try:
        return kind.parse(text)
    except ValueError:
        raise UsageError(f"{option} {shown(text)} is not {kind.allowed}") from None


def positive(option: str, text: str | None) -> float | None:
    """A number above zero, or None where the option was not given. Raises UsageError."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1_000_000:
        raise UsageError(f"{option} {text!r} is not a number above 0")
    return number


def length(option: str, text: str, problem_of: Callable[[float], str]) -> float:
    """A length of time, in seconds, of which ``problem_of`` says why it cannot be. Raises UsageError."""
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if problem := problem_of(seconds):
        raise UsageError(f"{option} {text!r}: {problem}")
    return seconds


def end(text: str, now: float, problem_of: Callable[[float], str], otherwise: str) -> float:
    """The moment of ``--until``, epoch seconds. ``problem_of`` says why it cannot be so far away.

    ``otherwise`` ends the error: what a length of time is written as. Raises UsageError.
    """
    try:
        ends = read_moment_to_come(text, now)
    except ValueError as error:
        raise UsageError(f"--until: {error}{otherwise}") from None
    if problem := problem_of(ends - now):
        raise UsageError(f"--until {text!r}: {problem}")
    return ends
