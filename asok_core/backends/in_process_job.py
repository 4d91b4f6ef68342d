"""A job in this process: its call, context and state."""

from __future__ import annotations

import os
from contextvars import Context, copy_context
from typing import Any

from asok_core.clock import now
from asok_core.execution import cancellation
from asok_core.jobs.calls import Call
from asok_core.jobs.checkpoint import NOTHING, JobCheckpoint, cursor_text
from asok_core.jobs.codec import Result
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.progress import JobProgress, checked
from asok_core.jobs.states import Status
from asok_core.runtime.failures import Failure


class LocalJob:
    """One job: its call, context and state.

    ``status`` and the times are changed only under the lock of its store. ``text`` is the encoded
    job, from which each attempt decodes its arguments; None if the objects are passed.
    """

    __slots__ = (
        "call", "checkpoint", "context", "failure", "finished_at", "future", "interruptions", "job",
        "name", "progress", "result", "started_at", "status", "stop", "text", "ts",
    )  # fmt: skip

    def __init__(self, call: Call, job: Job, future: JobFuture[Any], text: str | None) -> None:
        self.call: Call | None = call
        self.context: Context | None = copy_context()
        self.future = future
        self.name = job.function
        self.job = job
        self.text = text
        self.status = Status.PENDING if self.job.due_at is None else Status.SCHEDULED
        self.ts = self.job.enqueued_at
        self.started_at: float | None = None
        self.finished_at: float | None = None
        self.stop = cancellation.StopRequest()
        self.result = Result()
        self.failure: Failure | None = None
        self.progress: JobProgress | None = None
        self.checkpoint: JobCheckpoint | None = None
        self.interruptions = 0

    def record(self) -> JobRecord:
        """The record of the job, as a worker would write it."""
        return JobRecord(
            id=self.job.id,
            status=self.status,
            function=self.job.task,
            queue=self.job.queue,
            result=self.result.text or None,
            result_type=self.result.type or None,
            result_error=self.result.problem or None,
            error=self.failure.traceback if self.failure else None,
            error_line=self.failure.line if self.failure else None,
            ts=self.ts,
            retry_count=self.job.retry_count,
            retries=self.job.retries,
            enqueued_at=self.job.enqueued_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            worker=f"local.{os.getpid()}" if self.started_at else None,
            checkpoint=self.checkpoint,
            interruptions=self.interruptions,
        )


class LocalAttempt:
    """An attempt of a job in this process. ``advanced``: it has a checkpoint beyond where it resumed."""

    __slots__ = ("advanced", "iterates", "job", "resumed", "spent")

    def __init__(self, job: LocalJob) -> None:
        self.job = job
        # Each attempt, and the end, has a job of its own.
        self.spent = job.job
        self.resumed: str | None = None
        self.advanced = self.iterates = False

    @property
    def over(self) -> bool:
        """Whether it has ended: nothing that it reports is kept, as by a worker."""
        return self.job.job is not self.spent


class LocalReports:
    """Takes what tasks of this process report."""

    @staticmethod
    def progress(attempt: LocalAttempt, done: object, total: object, note: object) -> None:
        """Take how far a job is. Raises TypeError or ValueError."""
        progress = checked(done, total, note, now())
        if not attempt.over:
            attempt.job.progress = progress

    @staticmethod
    def checkpoint(attempt: LocalAttempt, cursor: object) -> None:
        """Take from where a job resumes. Raises TypeError or ValueError."""
        text = cursor_text(cursor)
        if not attempt.over:
            attempt.advanced = attempt.resumed is not None and text != attempt.resumed
            attempt.job.checkpoint = JobCheckpoint(text, now())

    @staticmethod
    def cursor(attempt: LocalAttempt) -> Any:
        """From where a job resumes."""
        found = attempt.job.checkpoint or JobCheckpoint(NOTHING)
        attempt.resumed = found.text if attempt.resumed is None else attempt.resumed
        return found.cursor
