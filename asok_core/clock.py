"""Time, in one place, so that tests can hold it still."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Returns seconds since the Unix epoch."""


def now() -> float:
    """Seconds since the Unix epoch, by this machine's clock."""
    return time.time()


def iso(epoch: float | None) -> str | None:
    """UTC ISO 8601 with milliseconds (``2026-01-31T12:00:00.000Z``), or None for None.

    A time outside what a calendar can say (an untrusted score) is None as well.
    """
    if epoch is None:
        return None
    try:
        moment = datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
