"""Calls of producers and of clients that wait for a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import NamespacedCall, script_call


class NewJob(NamedTuple):
    """A job to enqueue."""

    id: str
    queue: str
    envelope: bytes
    due: str
    """Epoch seconds, ``+`` and seconds from now, or '' for at once."""
    unique: str
    """Its unique key, or ''."""
    task: str
    retries: int


class EnqueueReply(NamedTuple):
    """Per job 1 (enqueued, now or by an earlier call with the same id) or 0 (its unique key is held)."""

    enqueued: list[int]
    server_time: bytes
    """Epoch seconds."""


@script_call
class Enqueue(NamespacedCall[EnqueueReply]):
    """Enqueue jobs. ``records`` is the form of their records: ``hash`` or ``framework``."""

    records: str
    jobs: Sequence[NewJob]


@script_call
class CancelRunning(NamespacedCall[None]):
    """Ask a running job to stop. ``process`` runs it, as the caller read in its record."""

    job_id: str
    process: str


class WaitsReply(NamedTuple):
    """Which processes wait. The lists are flat."""

    server_time: bytes
    """Epoch seconds."""
    marks: list[bytes]
    """Process, time and mark with a space between, ..."""
    workers: list[bytes]
    """Worker with a lease, its queues, NUMBER:SLOTS of its processes or their number, ..."""


@script_call
class ReportWaits(NamespacedCall[WaitsReply]):
    """Report that every slot of a process waits for a job, by ``mark``; '' once that is over."""

    process: str
    mark: str


class TakenFailure(NamedTuple):
    """A notice, or '', and seconds until the next may be taken ('': there is none)."""

    notice: bytes
    wait: bytes


@script_call
class TakeFailure(NamespacedCall[TakenFailure]):
    """Take the notice of a failure of a queue to call hooks for it, for ``lease`` seconds.

    ``done`` are notices that are done, ``left`` are left for later.
    """

    queue: str
    lease: float
    done: Sequence[bytes]
    left: Sequence[bytes]
