"""Moments as people type them: a time of day, a date, both, or how long ago. UTC without a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from asok_core.clock import DAY
from asok_core.settings.durations import parse_duration

ALLOWED = (
    "15:00, 2026-11-25, 2026-11-25T15:00, today, yesterday, yesterdayT15:00 (UTC where no zone is "
    "given), or 2h (ago)"
)

PASSED = "has passed by the clock of Redis"
"""How the error ends of a moment that can be read and is not to come."""
TO_COME = "15:00, tomorrowT15:00, 2026-11-25, 2026-11-25T15:00 (local time where no zone is given)"

"""Seconds."""
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII)
_DAY = re.compile(r"(today|yesterday)(?:[ t](.+))?")
_TO_COME = re.compile(r"(today|tomorrow)[ t](.+)")
_AGO = re.compile(r"[0-9.]+\s*[a-z]+", re.ASCII)


class MomentForm(Enum):
    """How a moment is written, which decides what it depends on."""

    CLOCK = auto()
    """The latest such time of day that is over."""
    DAY = auto()
    """A day by its word: today or yesterday."""
    AGO = auto()
    DATE = auto()
    """It depends on nothing."""


def form_of(text: str) -> MomentForm:
    """How a moment is written. Raises ValueError where the text is not a moment."""
    read_moment(text, 0.0)
    value = text.strip().lower()
    if _CLOCK.fullmatch(value):
        return MomentForm.CLOCK
    if _DAY.fullmatch(value):
        return MomentForm.DAY
    return MomentForm.AGO if _AGO.fullmatch(value) else MomentForm.DATE


def read_moment(text: str, now: float, *, local: bool = False) -> float:
    """Epoch seconds of a moment. ``now``: those of this moment, by Redis's clock.

    A time of day that is still in the future today is that of yesterday. ``local``: a time without a zone
    is in that of this machine, and a day is as long as its clocks make it. Raises ValueError, whose one
    line lists what is allowed.
    """
    value = text.strip().lower()
    try:
        return _read(value, now, local=local)
    except (ValueError, OverflowError, OSError):
        allowed = ALLOWED.replace("UTC", "local time") if local else ALLOWED
        raise ValueError(f"{text!r} is not a moment, as in {allowed}") from None


def read_moment_to_come(text: str, now: float) -> float:
    """Epoch seconds of a moment after this one, in local time where no zone is given.

    A time of day that is over today is that of tomorrow. Raises ValueError.
    """
    value = text.strip().lower()
    try:
        if found := _TO_COME.fullmatch(value):
            before = -1 if found[1] == "tomorrow" else 0
            at = _on_local_day(now, before, _clock(found[2]))
        elif _CLOCK.fullmatch(value):
            at = _on_local_day(now, 0, _clock(value))
            at = at if at > now else _on_local_day(now, -1, _clock(value))
        else:
            at = datetime.fromisoformat(value.upper()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is not a moment, as in {TO_COME}") from None
    if at <= now:
        raise ValueError(f"{text!r} {PASSED}")
    return at


def _read(value: str, now: float, *, local: bool) -> float:
    on_day = _on_local_day if local else _on_day
    if found := _DAY.fullmatch(value):
        return on_day(now, int(found[1] == "yesterday"), _clock(found[2]) if found[2] else 0.0)
    if _CLOCK.fullmatch(value):
        at = on_day(now, 0, _clock(value))
        return at if at <= now else on_day(now, 1, _clock(value))
    if _AGO.fullmatch(value):
        return now - parse_duration(value)
    moment = datetime.fromisoformat(value.upper())
    # A time without a zone is local to ``datetime``.
    return (moment if moment.tzinfo or local else moment.replace(tzinfo=UTC)).timestamp()


def _on_day(now: float, before: int, clock: float) -> float:
    """A time of day, a number of days before today, by UTC."""
    # In seconds: a datetime has no days before the year 1, to which a moment may be relative.
    return now - now % DAY - DAY * before + clock


def _on_local_day(now: float, before: int, clock: float) -> float:
    """The same by the clocks of this machine, of which a day may have more or less than 24 hours."""
    here = datetime.fromtimestamp(now, UTC).astimezone()
    # Without a zone, whose offset may be another one then.
    today = here.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return (today - timedelta(days=before) + timedelta(seconds=clock)).timestamp()


def _clock(text: str) -> float:
    """Seconds since midnight of a time of day."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError
    hour, minute, second = (int(part or 0) for part in found.groups())
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError
    return hour * 3600.0 + minute * 60 + second
