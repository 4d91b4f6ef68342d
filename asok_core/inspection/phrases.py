"""Counts, names and lengths of time in sentences. Counts are exact: they state what is so.

humanize is imported where it is used: most commands and the first screen need none of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from asok_core.clock import DAY, HOUR, MINUTE

NAMED = 3
"""Names in one line; the others are counted."""
LONGEST = 100 * 365 * DAY
"""Seconds, beyond which a length of time is not written out."""

_PRECISION = (
    (1.0, 0.001, "milliseconds", "%0.0f"),
    (10.0, 0.1, "seconds", "%0.1f"),
    (10 * MINUTE, 1.0, "seconds", "%0.0f"),
    (2 * DAY, MINUTE, "minutes", "%0.0f"),
    (60 * DAY, HOUR, "hours", "%0.0f"),
)
"""Below a length: what it is rounded to, the smallest unit that is written, and the form of its number."""


def counted(number: int, noun: str) -> str:
    """``1 job``, ``1,204,331 jobs``: never rounded."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def named(names: Sequence[str], noun: str = "") -> str:
    """``queue a``, ``queues a, b, c and 2 more``."""
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    what = f"{noun if len(names) == 1 else noun + 's'} " if noun else ""
    return f"{what}{', '.join(names[:NAMED])}{rest}"


def named_queues(names: Sequence[str]) -> str:
    """``queue 'a'``, ``queues 'a', 'b'``: quoted, since a name may be any word of the sentence."""
    return named([repr(name) for name in names], "queue")


def be(number: int) -> str:
    """``is`` of one, ``are`` of others."""
    return "is" if number == 1 else "are"


def duration(seconds: float) -> str:
    """A length of time in two units at most: ``5.3 seconds``, ``2 hours and 10 minutes``."""
    seconds = max(seconds, 0.0)
    if seconds > LONGEST:
        return "over 100 years"
    import humanize

    for below, step, unit, form in _PRECISION:
        rounded = round(seconds / step) * step
        if rounded < below:
            smallest = unit if rounded else "seconds"
            return humanize.precisedelta(rounded, minimum_unit=smallest, format=form)
    return humanize.naturaldelta(seconds)


def rough_duration(seconds: float) -> str:
    """A length of time in one unit below an hour: ``3 minutes``, ``2 hours and 10 minutes``."""
    if seconds >= HOUR:
        return duration(seconds)
    import humanize

    words = humanize.naturaldelta(max(seconds, 0.0))
    return {"a second": "1 second", "a minute": "1 minute", "an hour": "1 hour"}.get(words, words)
