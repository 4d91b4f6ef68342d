"""Calls of a supervisor about workers: leases, and recovery of what a dead process held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import Arg, NamespacedCall, script_call


class HeartbeatReply(NamedTuple):
    """The state of the lease before the heartbeat, and commands for the worker."""

    whole: int
    """1 where the lease was alive, 0 where it had run out or is new."""
    server_time: int
    """Milliseconds."""
    server: bytes
    """The run id of the Redis server as far as it is known, else ''."""
    requested: bytes
    """``quiet``, ``stop`` or ''."""
    requested_by: bytes
    """The operator who did; '' where that is not known."""
    concurrency: bytes
    """Threads a process that were ordered, as they are stored; '' for the configured ones."""
    queues: bytes
    """The queues that were ordered, in the same way."""
    shaped_by: bytes
    """The operator who ordered these, or the configured ones again."""
    cancels: list[bytes]
    """Ids of running jobs that are to stop, a thousand at most."""
    asked: list[bytes]
    """Requests for stacks of running jobs, which are removed."""
    ends: list[bytes]
    """Cancelled running jobs, and from when their processes may be ended: id, epoch seconds, ..."""
    holds: bytes
    """The generation of holds; '' where there are none."""


class PublishedField(NamedTuple):
    """A field of the worker's hash."""

    name: str
    value: Arg


class NewEvent(NamedTuple):
    """Something that changed in a worker, ``age`` milliseconds ago."""

    number: int
    """From 1 on: one that an earlier heartbeat has reported is not written again."""
    kind: str
    age: int
    fields: str
    """A JSON list of names and values in turn."""


@script_call
class SendHeartbeat(NamespacedCall[HeartbeatReply]):
    """Take or renew the lease of a worker for ``lease`` milliseconds, and publish ``fields``.

    ``ttl`` is that of its hash in seconds; ``machine`` is where others can prove its death, or ''.
    ``first``: none was answered before. ``ask_server`` where the connection is a new one; the worker saw
    the server ``known_server`` ('': none) last, at ``last_seen`` (milliseconds of the server's clock). At
    most ``events_max`` events are kept, for ``events_age`` seconds.
    """

    worker: str
    lease: int
    ttl: int
    machine: str
    first: bool
    ask_server: bool
    known_server: str
    last_seen: int
    events_max: int
    events_age: int
    queues: Sequence[str]
    fields: Sequence[PublishedField]
    events: Sequence[NewEvent]


class LeasesReply(NamedTuple):
    """The leases of other workers. Times are milliseconds."""

    server_time: int
    leased: int
    """1 where the worker that asks has a lease."""
    expired: list[int | bytes]
    """Of leases that have run out, a hundred at most: worker, end, length, ..."""
    neighbours: list[bytes]
    """Other workers of the machine that have a lease, a hundred at most."""


@script_call
class CheckLeases(NamespacedCall[LeasesReply]):
    """Look at all leases for ``worker``.

    ``lease`` is its own, ``unknown_lease`` that of a worker that does not publish it (milliseconds).
    """

    worker: str
    lease: int
    unknown_lease: int
    machine: str


@script_call
class Deregister(NamespacedCall[int]):
    """Remove a worker: 1. Or 0 where a list of ``lists`` holds jobs, or the lease is alive.

    It stops for ``reason``; ``only_if_expired``: worker ``by`` has recovered it.
    """

    worker: str
    only_if_expired: bool
    by: str
    reason: str
    lists: Sequence[str]


@script_call
class EndLease(NamespacedCall[int]):
    """End the lease of a dead worker: 1; 0 where it had ended, or there is none."""

    worker: str


@script_call
class AnswerStack(NamespacedCall[None]):
    """Answer the request for a stack that has ``token``."""

    token: str
    answer: str


class RecoveredJob(NamedTuple):
    """A job that a dead process held.

    ``limit``: it is dead once its processes have died this often while running it; 0: not charged.
    """

    envelope: bytes
    id: str
    limit: int
    dead_job: bytes
    task: str
    unique: str
    error: str
    stack: str = ""
    """What its record keeps of where its code was before its process was ended; '' for nothing."""


class RecoveryReply(NamedTuple):
    """What was moved."""

    refused: int
    """1 where the lease of ``guard`` is alive, or that of ``by`` is not."""
    returned: int
    dead: int
    dropped: int
    """Dead jobs that made room for others."""
    cancelled: list[int]
    """Jobs that an operator had cancelled and that are ended now: which (from 1), whether begun, ..."""
    dead_numbers: list[int]
    """Which jobs are dead, from 1."""


@script_call
class Recover(NamespacedCall[RecoveryReply]):
    """Return what a process held of a queue; jobs are newest first.

    ``guard`` is the worker whose lease must have run out, '' where the process is known to be dead. ``by``
    recovers it, and its own lease must be alive at the same instant; ignored without ``guard``.
    """

    process: str
    queue: str
    guard: str
    by: str
    dlq_max: int
    jobs: Sequence[RecoveredJob]
