"""Calls of a supervisor that walk over waiting jobs: promotion, renewal, expiry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import Arg, Key, NamespacedCall, ScriptCall, script_call


class DueReply(NamedTuple):
    """What is due."""

    server_time: bytes
    """Epoch seconds."""
    due: list[bytes]
    """Envelopes."""
    first: bytes
    """When the first of all is due or the first pause ends, or ''."""
    another: int
    """1 where another supervisor promotes."""
    aside: list[int | bytes]
    """Set aside: 1, size, SHA-1, ..."""


@script_call
class Due(NamespacedCall[DueReply]):
    """Look at the delayed jobs that are due, and be the only one to promote for ``claim`` milliseconds.

    Pauses of queues that are over end.

    At most ``count`` jobs, none added after ``most`` bytes, ``passed`` are passed over.
    """

    supervisor: str
    claim: int
    count: int
    most: int
    passed: int
    largest: int


class DueJob(NamedTuple):
    """A job that is due; ``dead_job`` is not empty where it cannot be read."""

    envelope: bytes
    queue: str
    id: str
    dead_job: bytes
    task: str


class PromotionReply(NamedTuple):
    """How many were moved, and how many could not be: their location is of another type."""

    moved: int
    stuck: int


@script_call
class Promote(NamespacedCall[PromotionReply]):
    """Promote jobs that are due."""

    jobs: Sequence[DueJob]


class BegunRenewal(NamedTuple):
    """Whether the step is the caller's (1), milliseconds until it is due, and the state of the round."""

    taken: int
    left: int
    state: list[bytes]
    """Field, value, ..."""
    time: list[bytes]
    """Seconds and microseconds of the server's clock."""


@script_call
class BeginRenewal(NamespacedCall[BegunRenewal]):
    """Take the next step of a round, for ``lock`` milliseconds; ``longest`` is the longest of waits."""

    worker: str
    lock: int
    longest: int


class RoundField(NamedTuple):
    """A field of the state of a round."""

    name: str
    value: Arg


@script_call
class EndRenewal(NamespacedCall[int]):
    """Keep the state of the round for ``ttl`` seconds; the next step waits for ``wait`` milliseconds."""

    worker: str
    wait: int
    ttl: int
    fields: Sequence[RoundField]


class RenewedJob(NamedTuple):
    """A job that was seen where jobs wait or run, with its unique key or ''."""

    id: str
    unique: str


@script_call
class Renew(NamespacedCall[int]):
    """Renew records and unique keys of unfinished jobs; the reply is how many keys."""

    jobs: Sequence[RenewedJob]


class ExpireReply(NamedTuple):
    """The next cursor, and how many records were found to be lost."""

    cursor: bytes
    lost: int


@script_call
class ExpireMissing(NamespacedCall[ExpireReply]):
    """One step of a SCAN.

    ``age`` is that of the proof in seconds: what was neither written nor renewed for so long was met by
    neither of two whole walks.
    """

    pattern: str
    cursor: int
    count: int
    age: int


class AgedJob(NamedTuple):
    """A dead job that is too old."""

    dead_job: bytes
    queue: str


@script_call
class ExpireDead(NamespacedCall[int]):
    """Drop dead jobs, given oldest first; the reply is how many."""

    jobs: Sequence[AgedJob]


@script_call
class SetAsideUnclaimed(NamespacedCall[list[int | bytes]]):
    """Set aside what is oversized among ``count`` jobs that wait, after ``passed``; '' are the delayed.

    The reply is 1, size, SHA-1, ...
    """

    queue: str | bytes
    passed: int
    count: int
    largest: int


@script_call
class Slice(ScriptCall[list[bytes | int]]):
    """Elements of a list from an end (``left`` or ``right``), of those above ``largest`` bytes the size.

    At most ``count``, none added after ``most`` bytes, after ``passed``. Nothing of a key of another type.
    """

    elements: Key
    order: str
    passed: int
    count: int
    most: int
    largest: int
