"""The interface of a backend for applications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from asok_core.jobs.calls import Call
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.job import JobRecord


class ApplicationBackend(Protocol):
    """Enqueues jobs, and returns their records."""

    def enqueue(self, call: Call) -> JobFuture[Any]:
        """Enqueue a call. If its ``unique`` key is in use, the future is that of the unfinished job."""

    def enqueue_many(self, calls: Sequence[Call]) -> list[JobFuture[Any]]:
        """Enqueue many calls; the futures are in the same order."""

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None if it has none or it has expired."""

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that has not started. True if it will not run."""

    def shutdown(self, *, wait: bool, timeout: float | None) -> bool:
        """Accept no more calls. True if no job is left unfinished in this process."""
