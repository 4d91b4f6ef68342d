"""The words for what happens to a job: those of its record, and those of its history."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class AttemptVerb(StrEnum):
    """How an attempt ended, as ``attempts`` of a record has it (``settle.lua``)."""

    COMPLETE = "complete"
    RETRY = "retry"
    FAIL = "fail"
    REJECT = "reject"
    POSTPONE = "postpone"
    CANCEL = "cancel"
    RETURN = "return"
    RUN = "run"
    """It has not ended. No record holds this."""


class MoveVerb(StrEnum):
    """What happened besides the attempts, as ``moves`` of a record has it (``moves.lua``)."""

    ENQUEUE = "enqueue"
    DEAD = "dead"
    REQUEUE = "requeue"
    EDIT = "edit"
    PROMOTE = "promote"
    MOVE = "move"
    FRONT = "front"
    CANCEL = "cancel"
    STOP = "stop"
    PURGE = "purge"
    RESTORE = "restore"
    IMPORT = "import"
    HOLD = "hold"
    RELEASE = "release"
    CRASH = "crash"
    INTERRUPT = "interrupt"


TO_TRASH = (MoveVerb.CANCEL, MoveVerb.PURGE)
"""Moves of a job to the trash; the audit has the same words for the operations."""


class JobEventKind(StrEnum):
    """What happened to a job, or what it waits for. Stable: ``asok job show --json`` prints the values."""

    ENQUEUED = "enqueued"
    RUNNING = "running"
    COMPLETED = "completed"
    RETRIED = "retried"
    FAILED = "failed"
    REJECTED = "rejected"
    POSTPONED = "postponed"
    STOPPED = "stopped"
    RETURNED = "returned"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"
    DIED = "died"
    REQUEUED = "requeued"
    EDITED = "edited"
    PROMOTED = "promoted"
    MOVED = "moved"
    MOVED_TO_FRONT = "moved to front"
    CANCELLED = "cancelled"
    CANCEL_REQUESTED = "cancel requested"
    PURGED = "purged"
    RESTORED = "restored"
    IMPORTED = "imported"
    HELD = "held"
    """A hold kept it from starting."""
    RELEASED = "released"
    """That hold returned it to its queue."""
    QUEUED_AGAIN = "queued again"
    """Nothing noted it, but something came after it."""
    DUE = "due"
    WAITING = "waiting"
    CLAIMED = "claimed"
    NOT_KNOWN = "not known"
    """It states what is missing."""


OF_ATTEMPTS: Mapping[str, JobEventKind] = MappingProxyType(
    {
        AttemptVerb.COMPLETE: JobEventKind.COMPLETED,
        AttemptVerb.RETRY: JobEventKind.RETRIED,
        AttemptVerb.FAIL: JobEventKind.FAILED,
        AttemptVerb.REJECT: JobEventKind.REJECTED,
        AttemptVerb.POSTPONE: JobEventKind.POSTPONED,
        AttemptVerb.CANCEL: JobEventKind.STOPPED,
        AttemptVerb.RETURN: JobEventKind.RETURNED,
        AttemptVerb.RUN: JobEventKind.RUNNING,
    }
)
OF_MOVES: Mapping[str, JobEventKind] = MappingProxyType(
    {
        MoveVerb.ENQUEUE: JobEventKind.ENQUEUED,
        MoveVerb.DEAD: JobEventKind.DIED,
        MoveVerb.REQUEUE: JobEventKind.REQUEUED,
        MoveVerb.EDIT: JobEventKind.EDITED,
        MoveVerb.PROMOTE: JobEventKind.PROMOTED,
        MoveVerb.MOVE: JobEventKind.MOVED,
        MoveVerb.FRONT: JobEventKind.MOVED_TO_FRONT,
        MoveVerb.CANCEL: JobEventKind.CANCELLED,
        MoveVerb.STOP: JobEventKind.CANCEL_REQUESTED,
        MoveVerb.PURGE: JobEventKind.PURGED,
        MoveVerb.RESTORE: JobEventKind.RESTORED,
        MoveVerb.IMPORT: JobEventKind.IMPORTED,
        MoveVerb.HOLD: JobEventKind.HELD,
        MoveVerb.RELEASE: JobEventKind.RELEASED,
        MoveVerb.CRASH: JobEventKind.CRASHED,
        MoveVerb.INTERRUPT: JobEventKind.INTERRUPTED,
    }
)
