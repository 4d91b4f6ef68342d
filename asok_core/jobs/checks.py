"""Checks of options: durations and moments that an application gives, each refused in one line."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import cast

from asok_core.jobs.plain import described

Delay = float | timedelta
Moment = float | datetime


def seconds_of(delay: Delay) -> float:
    """A duration in seconds."""
    return delay.total_seconds() if isinstance(delay, timedelta) else delay


def epoch_of(moment: Moment) -> float:
    """A moment in seconds since the epoch."""
    return moment.timestamp() if isinstance(moment, datetime) else moment


def expect_number(name: str, value: object) -> float:
    """Return a finite number. Raises TypeError or ValueError that names the option."""
    expect(name, value, (int, float), "a number")
    number = cast("float", value)
    try:
        finite = math.isfinite(number)
    except OverflowError:
        raise ValueError(f"{name} is too large for a number of seconds") from None
    if not finite:
        raise ValueError(f"{name} is {number}, not a finite number")
    return number


def expect_moment(name: str, value: Moment) -> float:
    """Return the seconds since the epoch of an aware datetime or a finite number.

    Raises TypeError or ValueError that names the option.
    """
    if isinstance(value, datetime):
        # One whose time zone has no offset is naive too.
        if value.utcoffset() is None:
            raise ValueError(f"{name} has no time zone; add one, as in datetime.now(UTC)")
        return value.timestamp()
    return expect_number(name, value)


def expect_duration(name: str, value: Delay, longest: float) -> float:
    """Return a duration of 0 to ``longest`` seconds. Raises TypeError or ValueError that names it."""
    expect(name, value, (int, float, timedelta), "a number of seconds or a timedelta")
    seconds = expect_number(name, seconds_of(value))
    if not 0 <= seconds <= longest:
        raise ValueError(
            f"{name} is {seconds:g} s; it must be from 0 s to {longest:.0f} s "
            f"({longest / 86_400:.0f} days)"
        )
    return float(seconds)


def expect(name: str, value: object, kind: type | tuple[type, ...], what: str) -> None:
    """Raise TypeError where a value is a bool or not of a type; ``what`` names the types."""
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} is {described(value)}, not {what}")
