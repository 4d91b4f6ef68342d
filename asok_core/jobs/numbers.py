"""Numbers out of Redis: one parser for all readers. Whatever another program wrote, nothing here raises.

A number is finite, of bounded size, and written with a bounded number of digits: Python refuses to
convert thousands of them, no float holds hundreds, and what is computed from a huge one overflows.
"""

from __future__ import annotations

import math

LARGEST = 1e18
"""No time, size or counter is larger; sums and products of such numbers are finite."""
MOST_DIGITS = 32
"""Characters of a number: a float takes 24 of them at most."""
_LARGEST_WHOLE = 2**53


def number(value: object) -> float | None:
    """A finite number of bounded size, or None."""
    if isinstance(value, bytes | str):
        if len(value) > MOST_DIGITS:
            return None
    elif not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if -LARGEST <= found <= LARGEST else None


def score(value: object) -> float:
    """The score of a sorted set's member: it may be infinite in Redis, and is the largest number here."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return LARGEST
    return LARGEST if math.isnan(found) else min(max(found, -LARGEST), LARGEST)


def whole(value: object) -> int | None:
    """A whole number that is not negative, or None."""
    found = number(value)
    return None if found is None or found < 0 else int(min(found, _LARGEST_WHOLE))


def count(value: object) -> int:
    """A whole number that is not negative; anything else counts as 0."""
    if isinstance(value, bytes) and len(value) < 16 and value.isdigit():
        return int(value)
    return whole(value) or 0
