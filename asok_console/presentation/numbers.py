"""Counts, rates, lengths of time and sizes in columns. None (not known) is a dash."""

from __future__ import annotations

import math

from asok_core.clock import HOUR, MINUTE

UNKNOWN = "–"

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_LONGEST = 100 * 365 * 86_400.0


def count(number: int | None) -> str:
    """``12,345`` up to a million, then ``1.2M``."""
    if number is None:
        return UNKNOWN
    for step, unit in _STEPS:
        if abs(number) >= step:
            return f"{number / step:.1f}{unit}"
    return f"{number:,}"


def rate(per_second: float | None) -> str:
    """``3.4/s``, ``120/s``; what is slower than one in ten seconds as ``2.5/min`` or ``2.0/h``."""
    if per_second is None or not math.isfinite(per_second):
        return UNKNOWN
    if per_second == 0:
        return "0/s"
    if abs(per_second) >= 10:
        return f"{count(round(per_second))}/s"
    for seconds, unit in ((1, "s"), (MINUTE, "min"), (HOUR, "h")):
        times = per_second * seconds
        if round(abs(times), 6) >= 0.1:
            return f"{times:.1f}/{unit}"
    return "<0.1/h"


def share(fraction: float | None) -> str:
    """``12 %``; a little more than nothing is ``<1 %``."""
    if fraction is None or not math.isfinite(fraction):
        return UNKNOWN
    if 0 < fraction < 0.01:
        return "<1 %"
    return f"{fraction:.0%}".replace("%", " %")


def duration(seconds: float | None) -> str:
    """``35 ms``, ``2.1 s``, ``42 s``, ``4 min``, ``2 h 10 min``, ``3 d 4 h``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    return _long(seconds)


def milliseconds(number: float | None) -> str:
    """A ``duration``, from milliseconds; below one, tenths of it: ``0.4 ms``."""
    if number is not None and 0 < number < 0.95:
        return f"{max(number, 0.1):.1f} ms"
    return duration(None if number is None else number / 1000)


def age(since: float | None, now: float) -> str:
    """How long ago ``since`` was, as a duration; ``in 5 s`` for a time to come."""
    if since is None or not math.isfinite(since) or math.isnan(now):
        return UNKNOWN
    # Clocks of producers differ by a little from that of the server.
    if -1 < now - since < 0:
        since = now
    return duration(now - since) if since <= now else f"in {duration(since - now)}"


def ago(since: float | None, now: float) -> str:
    """The same in words, without parts of seconds: ``5 s ago``, ``in 5 s``."""
    words = age(since, now)
    past = math.nan if words == UNKNOWN or since is None else now - since
    if -1 < past < 10:
        return f"{max(past, 0.0):.0f} s ago"
    return f"{words} ago" if past >= 10 else words


def size(number: int | None) -> str:
    """Bytes as ``512 B``, ``1.4 KiB``, ``80 MiB``: the short form of ``prose.size``."""
    if number is None:
        return UNKNOWN
    value, unit = float(number), 0
    while abs(value) >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_SIZES[unit]}" if unit and value < 10 else f"{value:.0f} {_SIZES[unit]}"


def _long(seconds: float) -> str:
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds > _LONGEST:
        return "over 100 years"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return _two_units(minutes // 60, "h", minutes % 60, "min")
    return _two_units(hours // 24, "d", hours % 24, "h")


def _two_units(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
