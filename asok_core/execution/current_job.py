"""``current_job()``: the job that runs in this context, its progress and its checkpoint."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Protocol

from asok_core.jobs.job import Job


class RunningAttempt(Protocol):
    """An attempt as its backend knows it. ``iterates``: ``resumable`` makes its checkpoints."""

    iterates: bool


class Reports(Protocol):
    """Takes what tasks report of their attempts."""

    def progress(self, attempt: Any, done: object, total: object, note: object) -> None:
        """Take how far it is. Raises TypeError or ValueError."""

    def checkpoint(self, attempt: Any, cursor: object) -> None:
        """Take from where the job resumes. Raises TypeError, ValueError or JobInterrupted."""

    def cursor(self, attempt: Any) -> Any:
        """From where it resumes."""


class CurrentJob:
    """The job whose attempt runs in this context; ``current_job()`` returns it.

    Examples:
        >>> def which():
        ...     job = current_job()
        ...     return [job.queue, job.attempt]
        >>> configure(Settings(queue_backend="eager"))
        >>> background(which, _queue="low").result()
        ['low', 1]
    """

    __slots__ = ("_attempt", "_job", "_reports")

    def __init__(self, job: Job, reports: Reports, attempt: RunningAttempt) -> None:
        self._job = job
        self._reports = reports
        self._attempt = attempt

    @property
    def id(self) -> str:
        """The id of the job, as ``JobFuture.job_id`` and ``get_job`` have it."""
        return self._job.id

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._job.attempt

    @property
    def queue(self) -> str:
        """The queue of the job."""
        return self._job.queue

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Report that ``done`` of ``total`` is done; without ``total``, only how much is done.

        A call takes a few microseconds, however often it is made: a worker writes the last report of each
        job once a second, and at its end. ``note`` is one line, of which 200 characters are kept.
        ``done`` may be more than ``total``, and less than before.

        Raises:
            TypeError: A number or the note is of another type.
            ValueError: A number is negative, infinite or larger than 1e18.
        """
        self._reports.progress(self._attempt, done, total, note)

    def checkpoint(self, cursor: object) -> None:
        """Keep ``cursor``, from which the job resumes if it does not complete in this attempt.

        It is a JSON value (None, a bool, number, string, list or dict) of up to 4096 bytes, such as the
        key of the last row. A call takes a few microseconds, however often it is made: a worker writes the
        last checkpoint of each job once a second, and when the attempt ends. Only a killed process loses
        up to a second of them, so a task must be able to repeat what it did in that time.

        Where the worker stops or replaces the process, this keeps the checkpoint and raises
        JobInterrupted: the job returns to its queue at once, spends no retry, and resumes from here.

        Raises:
            TypeError: The cursor is not a JSON value, or would not arrive as it is.
            ValueError: It is larger than 4096 bytes as JSON.
            RuntimeError: ``resumable`` makes the checkpoints of this job.
            JobInterrupted: The process is about to end. Do not catch it, or raise it again.
        """
        if self._attempt.iterates:
            raise RuntimeError("resumable() makes the checkpoints of this job")
        self._reports.checkpoint(self._attempt, cursor)

    @property
    def cursor(self) -> Any:
        """The cursor of the last checkpoint, of this attempt or an earlier one; None without a checkpoint.

        The first time it is asked for, a worker reads it from Redis.
        """
        return self._reports.cursor(self._attempt)

    def __repr__(self) -> str:
        return f"<CurrentJob {self._job.id} {self._job.task} attempt {self.attempt}>"


running: ContextVar[tuple[Job, Reports, RunningAttempt] | None] = ContextVar(
    "asok_current_job", default=None
)
"""The job that runs in this context, for ``CurrentJob``; set by the backend.

It is set for every job, and few ask for it: the object is made when it is asked for."""


def current_job() -> CurrentJob:
    """The job that runs in this context. Raises RuntimeError outside a job.

    Examples:
        >>> def load(pages):
        ...     for number, page in enumerate(pages, 1):
        ...         current_job().progress(number, len(pages), f"loaded {page}")
        >>> configure(Settings(queue_backend="eager"))
        >>> future = background(load, ["a", "b"])
        >>> progress = future.progress()
        >>> progress.done, progress.total, progress.note
        (2, 2, 'loaded b')

        >>> def load(pages):
        ...     begin = current_job().cursor or 0
        ...     for number in range(begin, len(pages)):
        ...         if number == 2 and current_job().attempt == 1:
        ...             raise ConnectionError("page 2 is missing")
        ...         current_job().checkpoint(number + 1)
        ...     return begin
        >>> background(load, ["a", "b", "c"], _retries=1, _backoff=0).result()
        2
    """
    found = running.get()
    if found is None:
        raise RuntimeError("there is no current job: this code runs outside a job")
    return CurrentJob(*found)
