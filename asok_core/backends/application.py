"""The role that an application sees of a backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from asok_core.jobs.calls import Call
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.job import JobRecord


class ApplicationBackend(Protocol):
    """Makes jobs of calls, and tells how they went."""

    def enqueue(self, call: Call) -> JobFuture[Any]:
        """Take one call. When its ``unique`` key is taken, the future is that of the holder."""

    def enqueue_many(self, calls: Sequence[Call]) -> list[JobFuture[Any]]:
        """Take many calls; the futures are in their order."""

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None when there is none (any more)."""

    def cancel(self, job_id: str) -> bool:
        """Stop a job that has not started. True if it will not run."""

    def shutdown(self, *, wait: bool, timeout: float | None) -> bool:
        """Take no more calls. True if nothing that runs in this process is left unfinished."""
