"""The states of a job, and the locations of its envelope."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The values of a record's ``status`` field.

    The framework has no ``scheduled``, ``held`` and ``cancelled``.

    Examples:
        >>> from math import factorial
        >>> get_job(background(factorial, 5, _delay=60).job_id).status is Status.SCHEDULED
        True
        >>> Status("completed") == "completed"
        True
    """

    PENDING = "pending"
    SCHEDULED = "scheduled"
    HELD = "held"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Location(StrEnum):
    """The location of an envelope. At every instant it is in exactly one of these."""

    PENDING = "pending"
    DELAYED = "delayed"
    HELD = "held"
    ACTIVE = "active"
    DEAD = "dead"
    TRASH = "trash"
    FINISHED = "finished"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
"""States that a job leaves only if an operator requeues it."""
