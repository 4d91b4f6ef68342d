"""The states of a job, and the places where its envelope may be."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What a job record's ``status`` field says. ``scheduled`` and ``cancelled`` are ours alone."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Location(StrEnum):
    """Where an envelope is. At every instant it is in exactly one of these."""

    PENDING = "pending"
    DELAYED = "delayed"
    ACTIVE = "active"
    DEAD = "dead letters"
    TRASH = "trash"
    FINISHED = "finished"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
"""States that a job leaves only when an operator requeues it."""
