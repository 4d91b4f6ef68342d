"""Calls of operators about the trash: restore what is in it, and delete it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import script_call
from asok_core.backends.redis.calls.operations import AuditedCall


class RestoredJob(NamedTuple):
    """An element of a trash, by the SHA-1 of its alias; ``error`` is of an edited job."""

    sha1: str
    id: bytes
    queue: bytes
    task: bytes
    unique: bytes
    error: bytes


@script_call
class Restore(AuditedCall[list[int]]):
    """Restore elements of the trash of ``undone``, in its order, to ``location``.

    That is ``dead``, ``edited``, ``pending`` or ``delayed``. Per job 1, a refusal, or 0 where another was
    faster, also for all after it.
    """

    undone: str
    location: str
    records: str
    jobs: Sequence[RestoredJob]


class RestoredAll(NamedTuple):
    """How many were restored, and how many are left in the trash."""

    restored: int
    left: int


@script_call
class RestoreAll(AuditedCall[RestoredAll]):
    """Restore the trash of ``undone`` as it is to the dead jobs; at most ``most`` if many came since."""

    undone: str
    most: int


@script_call
class DeleteTrash(AuditedCall[int]):
    """Delete the trash of the operation ``emptied``; the reply is how many jobs it held."""

    emptied: str
