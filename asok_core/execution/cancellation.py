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

import threading
from collections.abc import Callable
from contextvars import ContextVar

from asok_core.errors import JobCancelled
from asok_core.runtime.deadline import raise_in, withdraw

BY_OPERATOR = "an operator cancelled it"


class StopRequest:
    """Whether one running job has been cancelled. ``insisted``: by an operator, not only asked.

    The code of the task is between ``enter`` and ``leave``: ``try: enter(); ... finally: leave()``. These
    are called for every job and take no lock, unless the job is cancelled at that moment.
    """

    __slots__ = ("_coroutine", "_insisting", "_thread", "asked", "insisted")

    def __init__(self) -> None:
        self.asked = self.insisted = False
        self._thread = 0
        self._coroutine: Callable[[], object] | None = None
        self._insisting: threading.Lock | None = None

    def enter(self) -> None:
        """From here on JobCancelled can be raised in this thread; at once where that was requested."""
        self._thread = threading.get_ident()
        if self.insisted:
            raise JobCancelled(BY_OPERATOR)

    def leave(self) -> None:
        """Let it be raised no longer, and withdraw it where it is pending."""
        thread, self._thread = self._thread, 0
        # An `insist` after this line sees that there is no thread.
        if self.insisted and self._insisting is not None:
            with self._insisting:
                pass
            withdraw(thread)

    def insist(self) -> None:
        """Raise JobCancelled in the task, once; always from the same other thread."""
        if self.insisted:
            return
        self._insisting = threading.Lock()
        with self._insisting:
            self.asked = self.insisted = True
            coroutine, thread = self._coroutine, self._thread
            if coroutine is not None:
                coroutine()
            elif thread:
                raise_in(thread, JobCancelled)

    def await_with(self, cancel: Callable[[], object]) -> None:
        """From here on the task is a coroutine, which ``cancel`` cancels."""
        self._coroutine = cancel
        if self.insisted:
            cancel()


running: ContextVar[StopRequest | None] = ContextVar("asok_stop", default=None)
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
