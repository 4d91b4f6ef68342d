"""Calls of workers about holds: what they keep from starting, and those whose end has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import NamespacedCall, script_call


class KeptJob(NamedTuple):
    """A job that matches ``hold`` and has not begun."""

    queue: str
    envelope: bytes
    id: str
    task: str
    retries: int
    retry_count: int
    unique: str
    hold: str


@script_call
class KeepJobs(NamespacedCall[list[int]]):
    """Keep jobs of a process from starting: an ``OutcomeFlag`` for each."""

    process: str
    jobs: Sequence[KeptJob]


@script_call
class ExpireHold(NamespacedCall[int]):
    """End a hold whose end has come: 1; else 0."""

    hold: str


@script_call
class ReturnHeld(NamespacedCall[int]):
    """Return up to ``count`` jobs of a queue that an ended hold kept: how many are left.

    -1 where none can be returned. ``op`` and ``about``: as in ``AuditedCall``.
    """

    hold: str
    queue: bytes
    count: int
    op: str
    about: bytes


@script_call
class CloseHold(NamespacedCall[int]):
    """Remove what is known of a hold that ended, if ``queues`` have no jobs of it."""

    hold: str
    queues: Sequence[bytes]
