"""What a supervisor learns of its own lease, and of those of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

LONGEST_LEASE = 86_400.0
"""Seconds: the longest that ASOK_WORKER_LEASE may be, for workers that do not say theirs."""


class ShapeOrder(NamedTuple):
    """An order as it is stored: '' for what is configured. It may be text that is not valid."""

    concurrency: str = ""
    queues: str = ""
    by: str = ""


NO_ORDER = ShapeOrder()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Reply to a heartbeat. ``whole``: the lease had not run out since the last one.

    ``shape`` is what was ordered of the shape of the worker, as it is stored, and who ordered it.
    ``requested`` is ``quiet``, ``stop`` or '', and ``requested_by`` the operator, as far as that is known.
    ``cancelled`` are ids of jobs that were asked to stop and that this worker ran at that time.
    ``asked`` are requests for stacks of jobs, each of which comes once. ``ends`` are running jobs that an
    operator cancelled, and from when (epoch seconds) their processes may be ended. ``holds`` is the
    generation of holds, 0 where there are none.
    """

    whole: bool
    server_time: float
    requested: str
    requested_by: str
    cancelled: list[str]
    asked: list[str]
    ends: dict[str, float]
    holds: int = 0
    shape: ShapeOrder = NO_ORDER


@dataclass(frozen=True, slots=True)
class ExpiredLease:
    """A lease that has run out. ``until`` is its end (epoch seconds of the server's clock).

    ``length`` is how many seconds its worker has it for after each heartbeat.
    """

    worker: str
    until: float
    length: float

    @property
    def proved(self) -> bool:
        """Whether a worker that had proved the death ended it; see ``end_lease``."""
        return self.until <= 0


@dataclass(frozen=True, slots=True)
class LeaseSnapshot:
    """The leases of all workers at one instant. ``leased``: that of the worker that looks is alive.

    ``neighbours`` are the other workers of the same machine that have a lease, a hundred at most.
    """

    server_time: float
    leased: bool
    expired: list[ExpiredLease]
    neighbours: list[str]
