"""Calls of operators. Those that move jobs or switch something write the audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from asok_core.backends.redis.calls.call import NamespacedCall, R, script_call


class AuditArguments(TypedDict):
    """The arguments that each call of an operation has."""

    ns: str
    op: str
    about: bytes


@script_call
class AuditedCall(NamespacedCall[R]):
    """A call that writes the audit.

    ``op`` is the id of the operation, ``about`` a JSON object of texts (who, action, ...), ``counts`` one
    of numbers.
    """

    op: str
    about: bytes
    counts: str = "{}"


@script_call
class FinishOperation(AuditedCall[int]):
    """Write counts that no batch carried, and the state."""

    state: str


class PauseReply(NamedTuple):
    """What a call to pause a queue did, and the pauses that were and are in force, as JSON or empty."""

    state: int
    """1: paused, 2: its pause was changed, 0: it was so; refused since 3: the end has passed, 4: there are
    too many, 5: the end is too far away."""
    before: bytes
    now: bytes


@script_call
class Pause(AuditedCall[PauseReply]):
    """Pause a queue, or change its pause.

    ``lasts`` is seconds, ``ends`` epoch seconds; both 0: without an end.
    """

    queue: bytes
    reason: str
    lasts: float
    ends: float


@script_call
class Resume(AuditedCall[int]):
    """Resume a queue: 1, or 0 where it is not paused."""

    queue: bytes


@script_call
class StopRunning(AuditedCall[int]):
    """Cancel a running job: 1, or why not. ``wait``: seconds until its process may be ended."""

    job_id: bytes
    process: bytes
    queue: bytes
    envelope: bytes
    wait: float


@script_call
class WriteNote(AuditedCall[int]):
    """Write a note, or remove it (empty ``text``): 1, 0 where there is none to remove, 2 for too many.

    ``subject`` is the field of the hash, ``shown`` the task of a job, or an error as it was written.
    """

    subject: bytes
    text: str
    shown: bytes


@script_call
class AskStack(NamespacedCall[None]):
    """Ask a worker for stacks of a job. ``request`` is JSON: token of the answer, job, how many."""

    worker: bytes
    request: str


class RequeuedJob(NamedTuple):
    """A dead job to requeue.

    ``mark`` is the SHA-1 of the element and how far it is from ``hi`` (see ``take.lua``). ``reviewed`` is
    1 where an operator vouches for this very entry. The last four are for its history.
    """

    mark: str
    envelope: bytes
    id: bytes
    queue: bytes
    task: bytes
    retries: int
    unique: bytes
    reviewed: int
    enqueued_at: float | str
    failed_at: float | str
    error_line: bytes
    detail: bytes


@script_call
class Requeue(AuditedCall[list[int]]):
    """Requeue dead jobs, oldest first, that were seen from ``lo`` to ``hi``; per job 1 or a refusal.

    ``mode`` is '' (to the left end), ``front`` (to the end that workers take from) or ``keep`` (an edit).
    """

    lo: int
    hi: int
    mode: str
    records: str
    jobs: Sequence[RequeuedJob]


class PurgedJob(NamedTuple):
    """A dead job to purge; ``older`` is how many older ones stay, for a restore."""

    mark: str
    older: int
    id: bytes


@script_call
class Purge(AuditedCall[list[int]]):
    """Purge dead jobs, oldest first; per job 1, or 0 where it is not there."""

    lo: int
    hi: int
    jobs: Sequence[PurgedJob]


@script_call
class PurgeAll(AuditedCall[int]):
    """Purge a queue, or all dead jobs ('').

    ``newest`` is the SHA-1 of the newest element that was confirmed, ``newer`` how many newer ones there
    were a moment ago. The reply is how many were purged; -1: the element was not found.
    """

    queue: bytes
    newest: str
    newer: int


class WaitingJob(NamedTuple):
    """A pending job by its mark, or a delayed one by its envelope."""

    mark: str | bytes
    id: bytes
    queue: bytes
    task: bytes
    unique: bytes


@script_call
class Cancel(AuditedCall[list[int]]):
    """Cancel jobs of a queue, oldest first, or delayed jobs ('', without ``lo`` and ``hi``).

    ``hold``: those of the queue that this hold keeps; '': the pending ones. Per job 1, or 0 where it is
    not there.
    """

    queue: bytes
    hold: str
    lo: int
    hi: int
    jobs: Sequence[WaitingJob]


@script_call
class FinishPurge(NamespacedCall[int]):
    """Write the records of jobs of a queue that the operation ``op`` moved to the trash."""

    op: str
    lo: int
    hi: int
    jobs: Sequence[WaitingJob]


class MovedJob(NamedTuple):
    """A pending job to move; ``envelope`` names its new queue."""

    mark: str
    envelope: bytes
    id: bytes
    task: bytes


@script_call
class MoveJobs(AuditedCall[list[int]]):
    """Move pending jobs, oldest first, from ``queue`` to ``target``; per job 1, 0 or a refusal."""

    queue: bytes
    lo: int
    hi: int
    target: bytes
    jobs: Sequence[MovedJob]


class FrontJob(NamedTuple):
    """A pending job to move to the front."""

    envelope: bytes
    id: bytes


@script_call
class MoveFront(AuditedCall[list[int]]):
    """Move pending jobs, youngest first, to where workers take from; per job 1 or 0."""

    queue: bytes
    jobs: Sequence[FrontJob]


class PromotedJob(NamedTuple):
    """A delayed job to promote before it is due."""

    envelope: bytes
    id: bytes
    queue: bytes
    task: bytes


@script_call
class PromoteChosen(AuditedCall[list[int]]):
    """Promote delayed jobs, soonest first; per job 1, 0 or a refusal."""

    jobs: Sequence[PromotedJob]


class ImportedJob(NamedTuple):
    """A dead job of an export."""

    dead_job: bytes
    id: bytes


@script_call
class ImportDeadJobs(AuditedCall[list[int]]):
    """Add dead jobs, oldest first; per job 1 or a refusal."""

    jobs: Sequence[ImportedJob]


class MissingReply(NamedTuple):
    """What a search found, a mark of the record, the queue by the record."""

    state: bytes
    """``gone`` (with a mark: ended), ``held`` (a list has it, or a job that names it), ``many`` (too much
    to look through), ``moved`` (its record has changed), ``ended``, ``none`` (no record) or ``foreign``
    (it runs by a record of the framework, whose worker holds jobs in no list)."""
    mark: bytes
    queue: bytes


@script_call
class EndMissing(AuditedCall[MissingReply]):
    """End a job that is in no location; without ``mark``, of an earlier reply, only look for it.

    ``text`` is the id as an envelope has it. At most ``most_jobs`` jobs, ``most_bytes`` and ``most_lists``
    are looked through: the lists of workers, and ``active``, which a SCAN found. ``unique`` are its keys.
    """

    mark: str | bytes
    job_id: str
    text: str
    error_line: str
    most_jobs: int
    most_bytes: int
    most_lists: int
    active: Sequence[bytes]
    unique: Sequence[bytes]
