"""A duty of the supervisor: what it does, how often, and what went wrong last."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import ClassVar


class Duty(ABC):
    """Done every ``interval`` seconds, and ``backoff`` seconds after an error where that is sooner.

    Times are monotonic. ``DutySchedule`` runs it and keeps its state.
    """

    name: ClassVar[str]
    """What log lines call it."""
    has_own_connection: ClassVar[bool] = False
    """Whether it uses a connection that no other duty does: its failure is not an outage of Redis."""

    def __init__(self, interval: float, backoff: float | None = None) -> None:
        self.interval = interval
        self.backoff = interval if backoff is None else backoff
        self.next_due = 0.0
        self.last_error: Exception | None = None
        """Of the last run; None where that succeeded, or before the first."""
        self.refused = False
        """Whether the log says that Redis refuses it."""
        self.failed = False
        """Whether the log says that a fault of ours keeps it from being done."""

    @abstractmethod
    def run(self) -> float | None:
        """Do it. Returns the seconds until it is due again, None for its interval.

        May raise Unreachable or Refused.
        """

    def hasten(self, seconds: float = 0.0) -> None:
        """Make it due within this number of seconds."""
        self.next_due = min(self.next_due, time.monotonic() + seconds)
