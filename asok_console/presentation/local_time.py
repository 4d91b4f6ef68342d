"""Moments by the clocks of this machine's zone, which is named beside them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_ABBREVIATION = re.compile(r"[A-Za-z]{2,6}")


def local(moment: float) -> datetime:
    """A moment (epoch seconds) in the zone of this machine, with the offset that held then."""
    return datetime.fromtimestamp(moment, UTC).astimezone()


def clock(moment: float) -> str:
    """``2026-11-26 15:00``."""
    return f"{local(moment):%Y-%m-%d %H:%M}"


def short_clock(moment: float) -> str:
    """``11-26 15:00``."""
    return f"{local(moment):%m-%d %H:%M}"


def zone(moment: float) -> str:
    """What distinguishes the time of a moment where clocks are set: ``CET``, or ``+05:30``."""
    at = local(moment)
    name = at.tzname() or ""
    return name if _ABBREVIATION.fullmatch(name) else _offset(at)


def zone_in_words(moment: float) -> str:
    """``CET (UTC+01:00)``, ``UTC``, or ``UTC+05:30`` for a zone that has no abbreviation."""
    at, name = local(moment), zone(moment)
    offset = f"UTC{_offset(at)}"
    if name == "UTC":
        return name
    return f"{name} ({offset})" if _ABBREVIATION.fullmatch(name) else offset


def is_one_zone(first: float, last: float, step: float) -> bool:
    """Whether clocks are not set between two moments, looked at every ``step`` seconds."""
    count = int((last - first) // step) + 1
    moments = [*(first + at * step for at in range(count)), last]
    return len({local(each).utcoffset() for each in moments}) == 1


def _offset(at: datetime) -> str:
    text = f"{at:%z}"
    return f"{text[:3]}:{text[3:5]}"
