"""Futures of jobs that run in other processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from asok_core.jobs.futures import FutureBackend, JobFuture

R = TypeVar("R")


class RemoteBackend(FutureBackend, Protocol):
    """What a future asks of the backend of a job that runs in another process."""

    def watch(self, future: RemoteFuture[Any]) -> None:
        """Resolve a future when its job is finished."""


class RemoteFuture(JobFuture[R]):
    """A future whose job runs in another process. The job is watched from the first request on.

    ``function`` is the task that was enqueued; its annotations restore the result.
    """

    _backend: RemoteBackend

    def __init__(
        self,
        job_id: str,
        backend: RemoteBackend,
        function: Callable[..., Any] | None = None,
        *,
        task: str = "",
        queue: str = "default",
    ) -> None:
        super().__init__(job_id, backend, task=task, queue=queue)
        self.function = function
        self._watched_in: int | None = None
        if not self._is_observed:
            self._begin_watching()

    def _begin_watching(self) -> None:
        process = os.getpid()
        if self._watched_in == process:
            return
        if self._watched_in is not None and not super().done():
            # A forked process: the watching thread of the parent does not exist here.
            self._drop_waiters()
        with _starting:
            first, self._watched_in = self._watched_in != process, process
        if first:
            try:
                self._backend.watch(self)
            except BaseException:
                # For example, no thread could be started: the next caller tries again.
                self._watched_in = None
                raise

    def done(self) -> bool:
        """Whether the job is known to be finished. The first call begins to watch it."""
        self._begin_watching()
        return super().done()

    def result(self, timeout: float | None = None) -> R:
        """Wait for the job and return its result; see ``JobFuture`` for what is raised."""
        self._begin_watching()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the job and return what ``result`` would raise, or None."""
        self._begin_watching()
        return super().exception(timeout)

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        """Call ``fn`` with this future when the job is finished, in the watching thread."""
        self._begin_watching()
        super().add_done_callback(fn)


_starting = threading.Lock()
"""Held briefly, so that only one of several threads begins to watch."""


def _renew_after_fork() -> None:
    global _starting  # noqa: PLW0603 - a thread that the child does not have may hold it
    _starting = threading.Lock()


os.register_at_fork(after_in_child=_renew_after_fork)
