"""Calls of a worker's process: the cycle, and what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import NamespacedCall, script_call


class CompletedGroup(NamedTuple):
    """What completed jobs have in common: ``jobs`` rows of ``CompletedJob`` follow.

    ``kept`` is for how many seconds their records stay. ``started_at`` is '' at the first attempt, where
    it is not needed.
    """

    verb: str
    """``complete``."""
    jobs: int
    queue: str
    task: str
    retries: int
    retry_count: int
    kept: int
    unique: str
    result_type: str
    result_error: str
    started_at: str


class CompletedJob(NamedTuple):
    """A completed job of a group. ``lasted_us`` are the microseconds between its start and its end."""

    envelope: bytes
    id: str
    finished_at: str
    lasted_us: int
    run_us: int
    wait_us: int
    result: str
    """JSON, or '' where it is not kept."""


class Settlement(NamedTuple):
    """The outcome of a job that did not complete; see ``Outcome``."""

    verb: str
    queue: str
    envelope: bytes
    id: str
    moved: bytes
    delay: str
    unique: str
    task: str
    retries: int
    retry_count: int
    started_at: str
    finished_at: str
    error: str
    run_us: int
    wait_us: int
    error_line: str
    notice: bytes
    """A dead job for the failure hooks; ``=``: the moved one."""
    stack: str = ""
    """Where the code was when its process was about to end, as ``encode_kept`` writes it."""
    note: str = ""
    """Why it is retried or not, for its history."""
    interrupted: int = 0
    """1: the attempt did not fail, and is counted as an interruption."""


class StartedJob(NamedTuple):
    """A job that has begun; or, ``returnable`` 1, one that came by the idle wait and asks to begin."""

    queue: str
    envelope: bytes
    id: str
    task: str
    retries: int
    retry_count: int
    started_at: str
    returnable: int


class TaskReport(NamedTuple):
    """What a running attempt reported last; see ``reports.lua``."""

    queue: str
    envelope: bytes
    """'' where the record says that the attempt runs."""
    id: str
    started_at: str
    line: str
    """Of its progress; '' for none."""
    checkpoint: str
    """'' for none."""


class CycleReply(NamedTuple):
    """What a cycle did. Queues are numbers from 1, in the order of ``Cycle.queues``."""

    lease_left: int
    """Milliseconds; 0 or less where the lease is lost, and nothing was claimed."""
    server_time: int
    """Milliseconds."""
    settled: list[int]
    """An ``OutcomeFlag`` for each outcome."""
    started: list[int]
    """A ``StartFlag`` for each start."""
    claimed: list[int | bytes]
    """Queue, envelope, ..."""
    paused: list[int]
    dubious: int
    """1 where there are jobs of which a process died."""
    dropped: int
    """Dead jobs that made room for others."""
    broken: list[int]
    """Queues whose keys are not lists."""
    notices: int
    """1 where the queues have notices of failures."""
    dead: int
    """Dead jobs after one was added; 0 where none was."""
    aside: list[int | bytes]
    """What was set aside: queue, size, SHA-1, ..."""
    doubtful: list[int]
    """Claimed jobs that may have ended: which, from 1, and its ``EndedFlag``, ..."""
    holds: bytes
    """The generation of holds; '' where there are none."""


@script_call
class Cycle(NamespacedCall[CycleReply]):
    """Write ``reports``, settle ``outcomes``, note ``starts`` and claim up to ``slots`` jobs.

    ``claim_end`` is the end of the queues to claim from: RIGHT for the oldest, LEFT for the newest job.
    ``largest`` is up to how many bytes an element is an envelope. ``release`` is the application's that
    the process runs, '' where it is not known, SAME_RELEASE where only the records know it.
    """

    worker: str
    process: str
    release: str
    slots: int
    dlq_max: int
    claim_end: str
    largest: int
    queues: Sequence[str]
    outcomes: Sequence[CompletedGroup | CompletedJob | Settlement]
    starts: Sequence[StartedJob]
    reports: Sequence[TaskReport]


class ActiveReply(NamedTuple):
    """What a process holds. Queues are numbers from 1, in the order of ``CheckActive.queues``."""

    guarded: int
    """1 where the lease of ``guard`` forbids it."""
    aside: list[int | bytes]
    """Set aside: queue, size, SHA-1, ...; where there is any, there may be more: ask again."""
    rest: list[int | bytes]
    """Queue, envelope, ... newest first, without what could not be set aside."""


@script_call
class CheckActive(NamespacedCall[ActiveReply]):
    """Set aside what is oversized of what a process holds. ``with_rest``: reply what else it holds.

    ``guard`` and ``by`` are as in ``Recover``.
    """

    process: str
    guard: str
    by: str
    largest: int
    with_rest: bool
    queues: Sequence[str]


class SentOutcome(NamedTuple):
    """An outcome that was sent and had no reply."""

    id: str
    verb: str
    started_at: str
    finished_at: str


@script_call
class SettledOutcomes(NamespacedCall[list[int]]):
    """Whether outcomes without a reply were settled: a ``SettledFlag`` for each."""

    process: str
    outcomes: Sequence[SentOutcome]


class DroppedCount(NamedTuple):
    """How many outcomes of a queue were dropped."""

    queue: str
    outcomes: int


@script_call
class CountDropped(NamespacedCall[None]):
    """Count outcomes of a worker whose jobs another worker had taken over."""

    worker: str
    dropped: Sequence[DroppedCount]
