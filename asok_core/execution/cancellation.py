"""Cancellation of running jobs: the task checks whether it should stop.

A thread cannot be stopped safely from outside, so long tasks cooperate::

    for row in rows:
        if cancelled():
            raise JobCancelled("stopped after row ...")
        ...
"""

from __future__ import annotations

from contextvars import ContextVar


class Stop:
    """Whether one running job has been cancelled."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked = False


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
