"""Calls of workers about limits: which jobs may start, and which no longer count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import NamespacedCall, script_call


class LimitedJob(NamedTuple):
    """A claimed job that limits are about. ``holder`` names its process, its queue and its start."""

    queue: str
    envelope: bytes
    id: str
    task: str
    retries: int
    retry_count: int
    unique: str
    holder: str
    running: int
    """1: it runs already, and is only counted."""


class JobLimit(NamedTuple):
    """One limit of the job with the number ``job``, from 1; see ``limits.lua``."""

    job: int
    bucket: str
    identity: str
    value: str
    declared: str
    at_once: int
    interval: float
    burst: int


@script_call
class StartLimited(NamespacedCall[list[int]]):
    """Start jobs, or put them aside until their limits give them back: a ``StartFlag`` for each."""

    process: str
    jobs: Sequence[LimitedJob]
    limits: Sequence[JobLimit]


class LeftLimit(NamedTuple):
    """A job that is no longer to be counted by a limit. ``next`` 1: it waits in its queue again."""

    queue: str
    id: str
    holder: str
    next: int
    bucket: str
    at_once: int
    interval: float
    burst: int


@script_call
class LeaveLimits(NamespacedCall[None]):
    """Count jobs no longer, and give back as many that wait."""

    jobs: Sequence[LeftLimit]


class ReviewedLimit(NamedTuple):
    """A bucket, and its limit now: zeros where there is none any longer."""

    bucket: str
    at_once: int
    interval: float
    burst: int


@script_call
class ReviewLimits(NamespacedCall[int]):
    """Correct what is counted, and give back what may start: how many jobs."""

    limits: Sequence[ReviewedLimit]
