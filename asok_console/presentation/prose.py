"""Counts, sizes, lengths of time and lists in sentences, by humanize; ``numbers`` is for columns.

humanize is imported where it is used: most commands and the first screen need none of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from asok_console.presentation.numbers import UNKNOWN
from asok_core.clock import MINUTE
from asok_core.inspection import phrases
from asok_core.jobs.sizes import size_words


def duration(seconds: float | None) -> str:
    """A length of time in two units at most: ``5.3 seconds``, ``2 hours and 10 minutes``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    return phrases.duration(seconds)


def rough(seconds: float | None) -> str:
    """A length of time in one unit below an hour: ``3 minutes``, ``2 hours and 10 minutes``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    return phrases.rough_duration(seconds)


def at_least(low: float) -> str:
    """A length of time, rounded down as that of a range is: ``4 minutes``."""
    return phrases.duration(math.floor(low) if low < MINUTE else math.floor(low / MINUTE) * MINUTE)


def between(low: float, high: float) -> str:
    """A range that holds two lengths of time: ``4 to 9 minutes``, ``50 seconds to 3 minutes``."""
    first = at_least(low)
    last = phrases.duration(
        math.ceil(high) if high < MINUTE - 1 else math.ceil(high / MINUTE) * MINUTE
    )
    if first == last:
        return last
    amount, _, unit = first.partition(" ")
    # One minute is in another number than two.
    alike = unit.rstrip("s") == last.partition(" ")[2].rstrip("s") and " " not in unit
    return f"{amount if alike else first} to {last}"


def ago(since: float | None, now: float) -> str:
    """How long ago a moment was: ``3 minutes ago``; ``in 3 minutes`` for one to come."""
    if since is None or not math.isfinite(since) or math.isnan(now):
        return UNKNOWN
    words = rough(abs(now - since))
    # Clocks of producers differ by a little from that of the server.
    return f"{words} ago" if since - now < 1 else f"in {words}"


def size(number: int | None) -> str:
    """Bytes: ``512 Bytes``, ``1.4 KiB``, ``80.0 MiB``."""
    return UNKNOWN if number is None else size_words(number)


def count(number: int | None) -> str:
    """``12,345``; from a million ``1.2 million``."""
    if number is None:
        return UNKNOWN
    if abs(number) < 1_000_000:
        return f"{number:,}"
    import humanize

    return humanize.intword(number)


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 job``, ``2 jobs``, ``1,200 jobs``, ``1.2 million jobs``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int | None = None, noun: str = "") -> str:
    """``a, b and c``; of more than ``most`` the first ones, and how many more there are."""
    import humanize

    shown = list(names if most is None else names[:most])
    more = len(names) - len(shown)
    if more:
        shown.append(plural(more, f"more {noun}") if noun else f"{count(more)} more")
    return humanize.natural_list(shown)
