"""Cancellation of running jobs: the task checks whether it should stop.

A thread cannot be stopped safely from outside, so long tasks cooperate::

    for row in rows:
        if cancelled():
            raise JobCancelled("stopped after row ...")
        ...

Where an operator cancels the job, JobCancelled is raised in the task as well: between two instructions, as
JobTimeout is, or as the cancellation of its coroutine.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from asok_core.errors import JobCancelled
from asok_core.runtime.deadline import Guard

BY_OPERATOR = "an operator cancelled it"


class Stop:
    """Whether one running job has been cancelled. ``insisted``: by an operator, not only asked."""

    __slots__ = ("_body", "_coroutine", "asked", "insisted")

    def __init__(self) -> None:
        self.asked = False
        self.insisted = False
        self._body: Guard | None = None
        self._coroutine: Callable[[], object] | None = None

    def begin(self) -> Guard:
        """The guard of the code of the task, which runs in this thread."""
        self._body = guard = Guard(JobCancelled)
        if self.insisted:
            guard.fire()
        return guard

    def insist(self) -> None:
        """Raise JobCancelled in the task, once; from any other thread."""
        if self.insisted:
            return
        self.asked = self.insisted = True
        body, coroutine = self._body, self._coroutine
        if coroutine is not None:
            coroutine()
        elif body is not None:
            body.fire()

    def await_with(self, cancel: Callable[[], object]) -> None:
        """From here on the task is a coroutine, which ``cancel`` cancels."""
        self._coroutine = cancel
        if self.insisted:
            cancel()


running: ContextVar[Stop | None] = ContextVar("asok_stop", default=None)
"""The stop flag of the job that runs in this context; set by the backend."""


def cancelled() -> bool:
    """Whether the job that runs in this context has been cancelled. False outside a job.

    A task that then raises JobCancelled is ``cancelled``; a task that returns is ``completed``.

    Examples:
        >>> def resize(images):
        ...     for number, image in enumerate(images):
        ...         if cancelled():
        ...             raise JobCancelled(f"stopped after {number} images")
        >>> resize([])
        >>> cancelled()
        False
    """
    stop = running.get()
    return stop is not None and stop.asked
