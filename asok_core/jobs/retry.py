"""The delays of retries, and what bounds those that are not counted."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

LONGEST_DELAY = 365 * 86_400.0
"""Seconds. The largest delay of a retry, also where ``backoff ** n`` overflows."""
FEWEST_UNCOUNTED = 10
"""How often a job is run again without spending a retry before their age can end it."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``backoff ** retry_count`` seconds, with an optional spread and ceiling (both off by default).

    ``jitter`` is the largest fraction added at random (0.5: up to half as long again);
    ``max_delay`` is a ceiling in seconds, None for none.
    """

    jitter: float = 0.0
    max_delay: float | None = None

    def delay(self, backoff: float, retry_count: int) -> float:
        """Seconds from the failure to the next attempt; the first retry has ``retry_count`` 1."""
        try:
            seconds = float(backoff) ** retry_count
        except (OverflowError, ZeroDivisionError):
            seconds = LONGEST_DELAY
        if isinstance(seconds, complex) or math.isnan(seconds):
            seconds = LONGEST_DELAY
        if self.jitter:
            # It spreads retries over time; it need not be unpredictable.
            seconds *= 1.0 + random.uniform(0.0, self.jitter)  # noqa: S311  # nosec B311
        ceiling = LONGEST_DELAY if self.max_delay is None else min(self.max_delay, LONGEST_DELAY)
        return min(max(seconds, 0.0), ceiling)


@dataclass(frozen=True, slots=True)
class UncountedLimits:
    """How often, and for how many seconds, a job is run again without spending a retry.

    The age alone ends no job: the time may have passed in a queue that was paused or had no workers,
    and then the next fault of a worker would be the second one.
    """

    times: int
    age: float

    def problem(self, times: int, since: float | None, now: float) -> str:
        """Why there is not another one, after ``times`` of them since ``since``; '' if there may be.

        Both are epoch seconds.
        """
        if times >= self.times:
            noun = "retry" if times == 1 else "retries"
            return f"{times:,} uncounted {noun} (ASOK_MAX_UNCOUNTED_RETRIES)"
        if times >= FEWEST_UNCOUNTED and since is not None and now - since >= self.age:
            spent = plain_duration(now - since)
            return f"{times:,} uncounted retries in {spent} (ASOK_MAX_UNCOUNTED_AGE)"
        return ""


def plain_duration(seconds: float) -> str:
    """A duration in seconds, as it is kept in records: ``30 s``, ``0.25 s``, ``3600 s``."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
