"""Parsers for numbers from Redis. They raise nothing, whatever another program wrote.

A number is finite, of bounded size, and has a bounded number of digits: Python refuses to convert
thousands of digits, and computations with very large numbers overflow.
"""

from __future__ import annotations

import math

LARGEST = 1e18
"""Larger than any time, size or counter; sums and products of such numbers are finite."""
MOST_DIGITS = 32
"""Characters of a number: a float has 24 at most."""
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
    """The score of a sorted set's member; infinity, which Redis allows, becomes the largest number."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return LARGEST
    return LARGEST if math.isnan(found) else min(max(found, -LARGEST), LARGEST)


def whole(value: object) -> int | None:
    """A non-negative whole number, or None."""
    found = number(value)
    return None if found is None or found < 0 else int(min(found, _LARGEST_WHOLE))


def count(value: object) -> int:
    """A non-negative whole number; 0 for anything else."""
    if isinstance(value, bytes) and len(value) < 16 and value.isdigit():
        return int(value)
    return whole(value) or 0
