"""``current_job()``: the job that runs in this context, and its progress."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from asok_core.jobs.job import Job

Report = Callable[[Any, object, object, object], object]
"""Takes an attempt as its backend knows it, and what its task reports: done, total, note."""


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

    __slots__ = ("_attempt", "_job", "_report")

    def __init__(self, job: Job, report: Report, attempt: Any) -> None:
        self._job = job
        self._report = report
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
        self._report(self._attempt, done, total, note)

    def __repr__(self) -> str:
        return f"<CurrentJob {self._job.id} {self._job.task} attempt {self.attempt}>"


running: ContextVar[tuple[Job, Report, Any] | None] = ContextVar("asok_current_job", default=None)
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
    """
    found = running.get()
    if found is None:
        raise RuntimeError("there is no current job: this code runs outside a job")
    return CurrentJob(*found)
