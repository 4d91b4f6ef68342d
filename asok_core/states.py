"""The states of a job and the one verb that makes each move between them."""

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


class Place(StrEnum):
    """Where an envelope is. At every instant it is in exactly one of these."""

    PENDING = "pending"
    DELAYED = "delayed"
    ACTIVE = "active"
    DEAD = "dead letters"
    TRASH = "trash"
    FINISHED = "finished"


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
"""States that a job leaves only when an operator requeues it."""

TRANSITIONS: dict[str, tuple[frozenset[Place], frozenset[Place]]] = {
    "enqueue": (frozenset(), frozenset({Place.PENDING, Place.DELAYED})),
    "claim": (frozenset({Place.PENDING}), frozenset({Place.ACTIVE})),
    "complete": (frozenset({Place.ACTIVE}), frozenset({Place.FINISHED})),
    "retry": (frozenset({Place.ACTIVE}), frozenset({Place.DELAYED})),
    "fail": (frozenset({Place.ACTIVE}), frozenset({Place.DEAD})),
    "promote": (frozenset({Place.DELAYED}), frozenset({Place.PENDING})),
    "recover": (frozenset({Place.ACTIVE}), frozenset({Place.PENDING, Place.DEAD})),
    "requeue": (frozenset({Place.DEAD}), frozenset({Place.PENDING, Place.TRASH})),
    "purge": (frozenset({Place.DEAD, Place.PENDING}), frozenset({Place.TRASH})),
    "restore": (frozenset({Place.TRASH}), frozenset({Place.DEAD, Place.PENDING})),
    "cancel": (frozenset({Place.PENDING, Place.DELAYED}), frozenset({Place.TRASH})),
}
"""Verb -> (places it may move an envelope from, places it may move it to)."""
