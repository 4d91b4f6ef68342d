"""Cancelling a job that runs: it is asked to stop, and stops where its task looks.

A thread cannot be ended from outside without breaking what it was doing, so a task that runs long
cooperates::

    for row in rows:
        if cancelled():
            raise JobCancelled("stopped after row ...")
        ...
"""

from __future__ import annotations

from contextvars import ContextVar


class Stop:
    """Whether one running job has been asked to stop."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked = False


running: ContextVar[Stop | None] = ContextVar("asok_stop", default=None)
"""The stop of the job that runs in this context; set by whoever runs it."""


def cancelled() -> bool:
    """Whether the job that runs here has been cancelled. False outside a job.

    A task that then raises JobCancelled ends as ``cancelled``; one that returns has completed.
    """
    stop = running.get()
    return stop is not None and stop.asked
