"""The eager backend: every job runs at once, in the thread that enqueues it.

For tests of applications: when ``background()`` returns, the task has run. Retries follow
immediately, delays are ignored, and a failure is in the future and the log, never raised.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from asok_core.backends.in_process import InProcessBackend, JobStore
from asok_core.backends.in_process_job import LocalJob
from asok_core.backends.in_process_runner import JobRunner
from asok_core.jobs.futures import JobFuture
from asok_core.settings.settings import Settings


class EagerBackend(InProcessBackend):
    """Runs each call, with its retries, when it is enqueued; the future is finished."""

    def __init__(self, settings: Settings) -> None:
        self.store = JobStore(settings)
        self._runner = JobRunner(self.store, settings)

    def _enqueue(self, made: LocalJob) -> JobFuture[Any]:
        job, new = self.store.add(made)
        if new:
            if _inside_event_loop():
                # A coroutine task requires its own event loop, and a thread can run only one.
                thread = threading.Thread(target=self._run, args=(job,), name="asok-eager")
                thread.start()
                thread.join()
            else:
                self._run(job)
            _pass_on_interrupt(job)
        return job.future

    def _run(self, job: LocalJob) -> None:
        while self._runner.run(job) is not None:
            pass

    def shutdown(self, *, wait: bool, timeout: float | None) -> bool:  # noqa: ARG002 - the role's
        """True, as no job is unfinished."""
        return True


def _inside_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _pass_on_interrupt(job: LocalJob) -> None:
    # Ctrl+C is meant for the program, not only for the task.
    failure = job.future.exception()
    cause = None if failure is None else failure.__cause__
    # Not isinstance(): an exception may override __class__.
    if cause is not None and issubclass(type(cause), KeyboardInterrupt):
        raise cause
