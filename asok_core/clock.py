"""The clocks of this machine, units of time, and times as text.

Times of jobs on Redis come from the clock of the Redis server (``backends.redis.server_clock``), so
that machines whose clocks differ agree. This machine's clock is for jobs that never leave this
process, for a user who lacks the right to run TIME, and for log lines.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3_600, 86_400
"""Seconds."""

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since the Unix epoch, by this machine's clock."""
    return time.time()


def steady() -> float:
    """Seconds of a monotonic clock; on Linux it also runs while the machine is suspended."""
    return time.clock_gettime(_STEADY)


def elapsed(since: float | None, until: float | None) -> float | None:
    """Seconds between two times of Redis's clock; None where that is not known.

    It is not where ``until`` is before ``since``: the clock was set back, or a server with another clock
    took over. Less than a second is not such a case: times of one moment come from several clocks.
    """
    if since is None or until is None or until - since <= -1:
        return None
    return max(until - since, 0.0)


def iso(epoch: float | None) -> str | None:
    """UTC ISO 8601 with milliseconds (``2026-01-31T12:00:00.000Z``), or None for None.

    A time outside the range of ``datetime`` (an untrusted score) is None as well.
    """
    if epoch is None:
        return None
    try:
        moment = datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
